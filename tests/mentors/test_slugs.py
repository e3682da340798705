"""Slugs: made of names, unique, kept when they are changed."""

import pytest
import requests

from konnect.experts import slugs
from konnect.store import Query
from tests.experts import world
from tests.mentors.conftest import Served
from tests.support import START, at_once


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Asha Rao", "asha-rao"),
        ("  Zoë   O'Neill ", "zoe-o-neill"),
        ("Łukasz Straße", "lukasz-strasse"),
        ("आशा राव", "asha-rav"),
        ("अंकित त्रिपाठी", "ankit-tripathi"),
        ("ரவி குமார்", "ravi-kumar"),
        ("ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ", "guraprit-singh"),
        ("王伟", "mentor"),
        ("x" * 80, "x" * 60),
    ],
)
def test_names(name: str, slug: str) -> None:
    assert slugs.of_name(name) == slug


def test_the_next_that_is_free(served: Served) -> None:
    made = [served.apply(uid)["slug"] for uid in ("a1", "a2", "a3")]
    assert made == ["asha-rao", "asha-rao-2", "asha-rao-3"]
    # The page of "Health" is /api/mentors/health-2.
    assert served.apply("h1", name="Health")["slug"] == "health-2"


def test_of_many_at_once_each_gets_another(served: Served) -> None:
    made = at_once(12, lambda number: served.apply(f"m{number}")["slug"])
    assert not [one for one in made if isinstance(one, Exception)]
    assert len(set(made)) == 12
    owners = {doc["id"]: doc["expertId"] for doc in Query((slugs.COLLECTION,)).run(served.ctx.db)}
    assert {world.doc(served.ctx, "experts", f"m{n}")["slug"]: f"m{n}" for n in range(12)} == owners


def test_of_two_renamed_at_once_one_wins(served: Served) -> None:
    for uid in ("a1", "a2"):
        served.approved(uid)
    answers = at_once(
        2, lambda n: served.mentor(f"a{n + 1}").call("PUT", "/api/mentors/profile", {"slug": "rao"}).status_code
    )
    assert sorted(map(str, answers)) == ["200", "409"]


def test_nobody_is_found_under_the_id_of_another(served: Served) -> None:
    """Ids have capitals, slugs have none."""
    served.approved("ravi")
    assert served.mentor("ravi").call("PUT", "/api/mentors/profile", {"slug": "asha-1"}).status_code == 200
    world.expert(served.ctx, "aSha-1", name="Asha")
    assert served.student.get("/api/mentors/aSha-1").json()["id"] == "aSha-1"
    assert [served.student.get(f"/api/mentors/{one}").json()["id"] for one in ("asha-1", "Asha-1")] == ["ravi", "ravi"]


def test_a_former_slug_leads_on(served: Served) -> None:
    served.approved("asha")
    asha = served.mentor("asha")
    assert asha.call("PUT", "/api/mentors/profile", {"slug": "rao"}).json()["slug"] == "rao"
    for path in ("asha-rao", "Asha-Rao"):
        found = served.student.get(f"/api/mentors/{path}")
        assert (found.status_code, found.json()["slug"], len(found.history)) == (200, "rao", 1)
        assert (found.history[0].status_code, found.history[0].headers["Location"]) == (301, "/api/mentors/rao")
        assert "no-store" in found.history[0].headers["Cache-Control"]
    # Nobody else gets it; the mentor can go back, and the other one leads on then.
    served.approved("other")
    taken = served.mentor("other").call("PUT", "/api/mentors/profile", {"slug": "asha-rao"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "SLUG_TAKEN")
    assert asha.call("PUT", "/api/mentors/profile", {"slug": "asha-rao"}).json()["slug"] == "asha-rao"
    assert served.student.get("/api/mentors/rao").url.endswith("/asha-rao")


@pytest.mark.parametrize("slug", ["health", "dashboard", "profile", "apply", "availability", "toggle-bookings"])
def test_reserved(served: Served, slug: str) -> None:
    served.approved("asha")
    answer = served.mentor("asha").call("PUT", "/api/mentors/profile", {"slug": slug})
    assert _field(answer) == "slug"


@pytest.mark.parametrize("slug", ["", "ab", "Asha", "asha_rao", "-asha", "asha--rao", "a" * 61, None])
def test_invalid(served: Served, slug: str | None) -> None:
    served.approved("asha")
    assert _field(served.mentor("asha").call("PUT", "/api/mentors/profile", {"slug": slug})) == "slug"


def test_no_more_than_ten(served: Served) -> None:
    served.approved("asha")
    asha = served.mentor("asha")
    for number in range(9):
        assert asha.call("PUT", "/api/mentors/profile", {"slug": f"asha-{number}"}).status_code == 200
    answer = asha.call("PUT", "/api/mentors/profile", {"slug": "asha-9"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "TOO_MANY_SLUGS")
    assert asha.call("PUT", "/api/mentors/profile", {"slug": "asha-0"}).status_code == 200


def test_not_the_id_of_another_profile(served: Served) -> None:
    world.expert(served.ctx, "ravi")
    served.approved("asha")
    answer = served.mentor("asha").call("PUT", "/api/mentors/profile", {"slug": "ravi"})
    assert answer.json()["error"]["code"] == "SLUG_TAKEN"


def test_experts_get_one_by_the_trigger_and_lose_it_with_the_profile(served: Served) -> None:
    world.expert(served.ctx, "ravi", name="Ravi Nair")
    for _ in range(2):
        served.written("ravi")
    assert world.doc(served.ctx, "experts", "ravi")["slug"] == "ravi-nair"
    assert [doc["id"] for doc in Query((slugs.COLLECTION,)).run(served.ctx.db)] == ["ravi-nair"]
    served.ctx.db.delete("experts", "ravi")
    served.written("ravi")
    assert Query((slugs.COLLECTION,)).run(served.ctx.db) == []


def test_kept_by_who_applies_again(served: Served) -> None:
    served.apply("asha")
    served.ctx.db.set(("experts", "asha"), {"mentorStatus": "rejected"}, merge=True)
    again = served.api.user("asha").call("POST", "/api/experts/register", {"name": "Asha", "title": "Engineer"})
    assert again.status_code == 201
    assert world.doc(served.ctx, "experts", "asha")["slug"] == "asha-rao"
    assert world.doc(served.ctx, "experts", "asha")["createdAt"] is not None


def test_the_spare_one_at_last(served: Served) -> None:
    for number, slug in enumerate([*slugs.candidates("Asha Rao", "X7K2P")][:-1]):
        served.ctx.db.set((slugs.COLLECTION, slug), {"expertId": f"e{number}", "createdAt": START})
    slug = served.apply("asha")["slug"]
    assert slug.startswith("asha-rao-")
    assert len(slug) == len("asha-rao-") + 5


def _field(answer: requests.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["details"][0]["field"])

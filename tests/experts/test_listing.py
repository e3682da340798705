"""The list of experts, on the emulator: each combination of filters and orders against a plain computation."""

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest

from konnect.context import Context
from konnect.experts import listing, search
from konnect.experts.search import Criteria
from konnect.store import Doc, measure
from tests.experts import world
from tests.support import START

WORDS = ("python", "design", "system", "career", "cloud", "kubernetes", "data", "leadership")
SPECIALTIES = ("System Design", "Career", "Cloud")


def many(count: int, seed: int = 1) -> list[Doc]:
    rng = random.Random(seed)
    return [
        {
            "id": f"e{index:03}",
            "name": f"{rng.choice(('Asha', 'Ravi', 'Meera'))} {rng.choice(('Rao', 'Nair'))}",
            "title": f"{rng.choice(('Staff', 'Senior'))} Engineer",
            "company": rng.choice(("Acme", "Initech", "")),
            "bio": " ".join(rng.sample(WORDS, 3)),
            "specialties": rng.sample(SPECIALTIES, rng.randint(0, 2)),
            "rating": rng.choice((0, 3, 4, 4.5, 4.75, 5)),
            "orders": rng.choice((0, 1, 10, 150)),
            "pricePerMin": 10,
            "pricePerMinPaise": rng.choice((500, 1000, 1050, 2000)),
            "available": rng.random() < 0.4,
            "createdAt": START + timedelta(minutes=index),
        }
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def listed() -> tuple[Context, list[Doc]]:
    from tests.support import new_context

    ctx = new_context()
    experts = many(48)
    batch = ctx.db.client.batch()
    for expert in experts:
        batch.set(ctx.db.ref("listings", expert["id"]), listing.of_profile(expert))
    batch.commit()
    return ctx, experts


def computed(experts: list[Doc], criteria: Criteria) -> list[str]:
    def fits(expert: Doc) -> bool:
        text = " ".join([expert["name"], expert["title"], expert["company"], expert["bio"], *expert["specialties"]])
        found = text.lower().split()
        return (
            (criteria.available is None or expert["available"] == criteria.available)
            and (criteria.min_rating is None or expert["rating"] >= criteria.min_rating)
            and (criteria.max_price_paise is None or expert["pricePerMinPaise"] <= criteria.max_price_paise)
            and (criteria.specialty is None or criteria.specialty in expert["specialties"])
            and all(any(word.startswith(wanted) for word in found) for wanted in criteria.search.lower().split())
        )

    order = search.plan(criteria).order
    kept = [expert for expert in experts if fits(expert)]
    # The id breaks the last tie, in the direction of the last field.
    kept.sort(key=lambda expert: expert["id"], reverse=order[-1][1] == "desc")
    for field, direction in reversed(order):
        kept.sort(key=lambda expert: expert[field], reverse=direction == "desc")
    return [expert["id"] for expert in kept]


def paged(ctx: Context, criteria: Criteria, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = listing.find(ctx.db, criteria, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found += [item["id"] for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", search.ORDERS)
def test_every_combination_is_complete_and_in_order(listed: tuple[Context, list[Doc]], sort: search.Sort) -> None:
    ctx, experts = listed
    filters = itertools.product((None, True), (None, 4.5), (None, 1050), (None, "System Design"), ("", "des as"))
    for available, rating, price, specialty, text in filters:
        criteria = Criteria(text, specialty, available, rating, price, sort)
        assert paged(ctx, criteria, 12) == computed(experts, criteria), criteria


@pytest.mark.parametrize("text", ["p", "kube", "Engineer staff", "ravi nair cloud", "acme", "nobody", "system career"])
def test_words_and_their_beginnings(listed: tuple[Context, list[Doc]], text: str) -> None:
    ctx, experts = listed
    for limit in (1, 5, 100):
        assert paged(ctx, Criteria(text), limit) == computed(experts, Criteria(text))


def test_a_page_has_a_bounded_price(listed: tuple[Context, list[Doc]], monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, experts = listed
    with measure() as exact:
        listing.find(ctx.db, Criteria(min_rating=4, max_price_paise=1050, sort="popularity"), limit=5, cursor=None)
    assert exact.reads == 6

    monkeypatch.setattr(listing, "EXAMINED_MAX", 10)
    rare = Criteria("engineer xyz")
    with measure() as bounded:
        page = listing.find(ctx.db, rare, limit=5, cursor=None)
    assert (page.items, page.next_cursor is not None, bounded.reads) == ([], True, 11)
    assert paged(ctx, rare, 5) == []
    both = Criteria("engineer asha")
    assert paged(ctx, both, 5) == computed(experts, both)


def test_nobody_is_lost_when_somebody_moves_between_pages(ctx: Context) -> None:
    for expert in many(10):
        ctx.db.set(("listings", expert["id"]), listing.of_profile({**expert, "rating": 4, "pricePerMinPaise": 1000}))
    first = listing.find(ctx.db, Criteria(), limit=4, cursor=None)
    seen = {item["id"] for item in first.items}
    left = next(iter(sorted(seen)))
    ctx.db.delete("listings", left)
    rest = listing.find(ctx.db, Criteria(), limit=50, cursor=first.next_cursor)
    assert seen | {item["id"] for item in rest.items} == {f"e{index:03}" for index in range(10)}
    assert not seen & {item["id"] for item in rest.items}


class TestRefresh:
    def test_only_an_approved_profile_is_listed(self, ctx: Context) -> None:
        world.expert(ctx, "asha", status="applied", specialties=["Career"])
        assert ctx.db.get("listings", "asha") is None
        ctx.db.set(("experts", "asha"), {"mentorStatus": "approved"}, merge=True)
        world.expert_written(ctx, "asha")
        assert world.doc(ctx, "listings", "asha")["specialtyIds"] == ["career"]
        ctx.db.set(("experts", "asha"), {"mentorStatus": "rejected"}, merge=True)
        world.expert_written(ctx, "asha")
        assert ctx.db.get("listings", "asha") is None

    def test_a_repeated_or_late_event_writes_nothing(self, ctx: Context) -> None:
        world.expert(ctx, "asha", specialties=["Career"])
        with measure() as usage:
            world.expert_written(ctx, "asha", before={"mentorStatus": "applied"})
        assert usage.writes == 0

    def test_it_shows_nothing_private(self, ctx: Context) -> None:
        world.expert(ctx, "asha", phone="+91 98765 43210", resumeUrl="https://x/y")
        shown: Any = world.doc(ctx, "listings", "asha")
        assert not {"phone", "resumeUrl", "email", "firebaseUid", "mentorStatus"} & set(shown)

"""Reported reviews, for admins; and a mentor's reviews."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from konnect.context import Context
from konnect.reviews import service
from tests.experts import world
from tests.payments.api import Api
from tests.support import START

Served = tuple[Context, Api]
REPORTED = "/api/admin/reported-reviews"
MENTORS = "/api/mentors/asha/reviews"


@pytest.fixture
def served() -> Iterator[Served]:
    with world.opened() as (ctx, api):
        world.expert(ctx, "asha")
        yield ctx, api


def reviewed(ctx: Context, number: int, *reporters: str) -> str:
    world.finished_session(ctx, f"s{number}", user="meera", expert_id="asha")
    now = START + timedelta(minutes=number)
    subject = partial(service.of_session, session_id=f"s{number}", uid="meera")
    review = ctx.run(lambda tx: service.create(tx, subject(tx), rating=3, comment=f"No {number}", now=now))
    for minute, uid in enumerate(reporters):
        at = now + timedelta(minutes=minute)
        ctx.run(lambda tx, uid=uid, at=at: service.report(tx, review["id"], uid, f"by {uid}", now=at))
    return str(review["id"])


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


def test_the_most_reports_first(served: Served) -> None:
    ctx, api = served
    once, twice, again = reviewed(ctx, 1, "ravi"), reviewed(ctx, 2, "ravi", "kabir"), reviewed(ctx, 3, "ravi")
    reviewed(ctx, 4)
    admin = api.user("root", role="admin")
    assert ids(admin.get(REPORTED)) == [twice, again, once]
    first = admin.get(REPORTED, limit=2).json()
    assert [one["id"] for one in first["items"]] == [twice, again]
    assert [(one["userId"], one["reason"]) for one in first["items"][0]["reports"]] == [
        ("kabir", "by kabir"),
        ("ravi", "by ravi"),
    ]
    assert (first["items"][0]["sessionId"], first["items"][0]["reportCount"]) == ("s2", 2)
    assert ids(admin.get(REPORTED, limit=2, cursor=first["nextCursor"])) == [once]
    assert ids(admin.get(REPORTED, limit=2, page=2)) == [once]
    hide = admin.call("PUT", f"/api/admin/reviews/{twice}", {"hidden": True, "reason": "Rude."})
    assert hide.status_code == 200
    assert ids(admin.get(REPORTED)) == [again, once]
    assert ids(admin.get(REPORTED, hidden="true")) == [twice]


def test_who_and_what(served: Served) -> None:
    _, api = served
    assert api.user(None).get(REPORTED).status_code == 401
    for role in ("user", "expert"):
        assert api.user("ravi", role=role).get(REPORTED).status_code == 403
    admin = api.user("root", role="admin")
    for query, field in (({"hidden": "perhaps"}, "hidden"), ({"cursor": "x"}, "cursor"), ({"limit": 0}, "limit")):
        answer = admin.get(REPORTED, **query)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)


def test_of_a_mentor(served: Served) -> None:
    ctx, api = served
    made = [reviewed(ctx, number) for number in range(3)]
    meera = api.user("meera")
    assert ids(meera.get(MENTORS)) == made[::-1]
    first = meera.get(MENTORS, limit=2).json()
    assert not {"userId", "sessionId", "hidden"} & set(first["items"][0])
    assert ids(meera.get(MENTORS, limit=2, cursor=first["nextCursor"])) == made[:1]
    assert ids(meera.get(MENTORS, limit=2, page=2)) == made[:1]
    assert api.user(None).get(MENTORS).status_code == 401
    assert meera.get("/api/mentors/nobody/reviews").status_code == 404
    assert meera.get(MENTORS, page=0).json()["error"]["details"][0]["field"] == "page"

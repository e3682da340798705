"""The match score, and the list that is made by it."""

from typing import Any

import pytest

from konnect.errors import BadRequest
from konnect.exchange import matching, suggestions, sweeps
from konnect.store import Doc
from tests.support import START

from .conftest import ASHA, EVE, RAVI, Square

MEMBER: Doc = {
    "offeredKeys": ["guitar"],
    "desiredKeys": ["python"],
    "exchangeRating": {"sum": 0, "count": 0, "average": 0},
    "completedExchanges": 0,
    "availability": [],
}
RATED = {"sum": 9, "count": 2, "average": 4.5}
FREE = [{"day": "monday", "from": "18:00", "to": "20:00"}]


@pytest.mark.parametrize(
    ("fields", "total", "parts"),
    [
        ({}, 55, (40, 0, 0, 5, 10)),
        ({"availability": FREE}, 65, (40, 0, 0, 15, 10)),
        ({"exchangeRating": RATED}, 73, (40, 18, 0, 5, 10)),
        ({"exchangeRating": {"average": 5}, "completedExchanges": 9, "availability": FREE}, 100, (40, 20, 15, 15, 10)),
        ({"completedExchanges": 4}, 67, (40, 0, 12, 5, 10)),
        ({"completedExchanges": 5}, 70, (40, 0, 15, 5, 10)),
        ({"completedExchanges": 6}, 70, (40, 0, 15, 5, 10)),
        ({"desiredKeys": ["cooking"]}, 15, (0, 0, 0, 5, 10)),
        ({"offeredKeys": ["piano"]}, 15, (0, 0, 0, 5, 10)),
        ({"exchangeRequests": {"received": 3, "answered": 2}}, 51.67, (40, 0, 0, 5, 6.67)),
        ({"exchangeRequests": {"received": 2, "answered": 0}}, 45, (40, 0, 0, 5, 0)),
        ({"exchangeRequests": {"received": 0, "answered": 0}}, 55, (40, 0, 0, 5, 10)),
    ],
)
def test_the_documents_score(fields: dict[str, Any], total: float, parts: tuple[float, ...]) -> None:
    score = matching.score({**MEMBER, **fields}, offered=["python"], desired=["guitar"])
    assert (score.skills, score.rating, score.experience, score.availability, score.responses) == parts
    assert score.total == total


def test_any_of_several_skills() -> None:
    member = {**MEMBER, "offeredKeys": ["piano", "guitar"], "desiredKeys": ["chess", "cooking"]}
    score = matching.score(member, offered=["python", "chess"], desired=["guitar", "singing"])
    assert (score.skills, score.gets, score.gives) == (40, ("guitar",), ("chess",))


def listed(square: Square, uid: str = ASHA, **given: Any) -> tuple[list[tuple[str, float]], str | None]:
    asked = {"offered": None, "desired": None, "limit": 20, "cursor": None, **given}
    found, cursor = suggestions.of_member(square.ctx.db, uid, **asked)
    return [(member["id"], score.total) for member, score in found], cursor


def test_who_teaches_it_the_best_first(square: Square) -> None:
    square.member("one", ["GUITAR"], ["Chess"], availability=FREE)
    square.member("two", ["Guitar"], ["Cooking"], availability=FREE)
    square.member("gone", ["Guitar"], ["Python"], status="suspended")
    everybody = [("one", 65.0), (RAVI, 55.0), ("two", 25.0)]
    assert listed(square) == (everybody, None)
    # By words, whatever the own profile has, however they are written.
    assert listed(square, EVE, offered=" PYTHON ", desired="guitar")[0] == [(RAVI, 55.0), ("one", 25.0), ("two", 25.0)]
    assert listed(square, EVE) == ([], None)
    assert listed(square, "nobody") == ([], None)
    # Page by page.
    first, cursor = listed(square, limit=1)
    second, cursor = listed(square, limit=1, cursor=cursor)
    third, end = listed(square, limit=1, cursor=cursor)
    assert ([*first, *second, *third], end) == (everybody, None)
    with pytest.raises(BadRequest):
        listed(square, cursor="nonsense")


def test_the_response_rate_is_of_real_answers(square: Square) -> None:
    """One answered, one that has lapsed, one that still waits."""
    square.reject(square.ask())
    lapsed = square.ask(requested_skill="Drums")
    square.ctx.db.ref("exchanges", lapsed).update({"expiresAt": square.exchange(lapsed)["createdAt"]})
    assert sweeps.sweep(square.ctx, {}, START) == {"exchanges": 1, "failures": 0}
    square.ask(requested_skill="Harp")
    assert square.profile(RAVI)["exchangeRequests"] == {"received": 2, "answered": 1}
    assert listed(square)[0] == [(RAVI, 50.0)]

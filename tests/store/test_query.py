"""Sums by Firestore's aggregation: exact, of the documents that have the field; pages by cursor and by number."""

from datetime import timedelta

import pytest

from konnect.context import Context
from konnect.store import Query, page
from tests.support import START


@pytest.fixture
def filled(ctx: Context) -> Context:
    for number, paise in enumerate((700, -200, 2**53, 1, None)):
        doc = {"userId": "asha", "createdAt": START + timedelta(minutes=number)}
        ctx.db.set(("transactions", f"e{number}"), doc if paise is None else {**doc, "earningPaise": paise})
    ctx.db.set(("transactions", "other"), {"userId": "kabir", "createdAt": START, "earningPaise": 5})
    return ctx


def of(uid: str) -> Query:
    """A user's, in a time, as the dashboard asks: what the indexes serve."""
    return Query(("transactions",)).filter("userId", "==", uid).filter("createdAt", ">=", START)


class TestSum:
    def test_is_exact_and_leaves_out_who_has_no_such_field(self, filled: Context) -> None:
        # A float of this size can't tell one from the next.
        assert of("asha").sum(filled.db, "earningPaise") == 2**53 + 501

    def test_of_a_time(self, filled: Context) -> None:
        query = (
            Query(("transactions",))
            .filter("userId", "==", "asha")
            .filter("createdAt", "<", START + timedelta(minutes=2))
        )
        assert query.sum(filled.db, "earningPaise") == 500

    def test_of_nothing_is_zero(self, ctx: Context) -> None:
        total = of("asha").sum(ctx.db, "earningPaise")
        assert (total, type(total)) == (0, int)


def test_a_page_by_number_goes_on_by_cursor_whatever_number_is_sent(filled: Context) -> None:
    query = Query(("transactions",), order=(("createdAt", "desc"),)).filter("userId", "==", "asha")
    second = page(filled.db, query, limit=2, number=2)
    assert [one["id"] for one in second.items] == ["e2", "e1"]
    for number in (None, 1, 2):
        last = page(filled.db, query, limit=2, cursor=second.next_cursor, number=number)
        assert ([one["id"] for one in last.items], last.next_cursor) == (["e0"], None)

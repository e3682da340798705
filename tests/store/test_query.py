"""Sums by Firestore's aggregation: exact, of the documents that have the field."""

from datetime import timedelta

import pytest

from konnect.context import Context
from konnect.store import Query
from tests.support import START


@pytest.fixture
def filled(ctx: Context) -> Context:
    for number, paise in enumerate((700, -200, 2**53, 1, None)):
        doc = {"uid": "asha", "at": START + timedelta(minutes=number)}
        ctx.db.set(("entries", f"e{number}"), doc if paise is None else {**doc, "paise": paise})
    ctx.db.set(("entries", "other"), {"uid": "kabir", "at": START, "paise": 5})
    return ctx


class TestSum:
    def test_is_exact_and_leaves_out_who_has_no_such_field(self, filled: Context) -> None:
        # A float of this size can't tell one from the next.
        assert Query(("entries",)).filter("uid", "==", "asha").sum(filled.db, "paise") == 2**53 + 501

    def test_of_a_time(self, filled: Context) -> None:
        query = Query(("entries",)).filter("uid", "==", "asha").filter("at", "<", START + timedelta(minutes=2))
        assert query.sum(filled.db, "paise") == 500

    def test_of_nothing_is_zero(self, ctx: Context) -> None:
        total = Query(("entries",)).filter("uid", "==", "asha").sum(ctx.db, "paise")
        assert (total, type(total)) == (0, int)

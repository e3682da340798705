"""Rates by their date: what the configuration says from now on holds from now on."""

from datetime import timedelta

from konnect.admin import config
from konnect.context import Context
from konnect.rates import service as rates
from konnect.rates.service import DEFAULT, Rates
from konnect.store import Query
from tests.support import START, new_context

DAY = timedelta(days=1)


def _change(ctx: Context, days: int, **fields: object) -> None:
    config.change(ctx, dict(fields), by="admin", reason=None, version=None, now=START + days * DAY)


def test_before_any_change_the_product_s_rates_hold() -> None:
    assert rates.at(new_context().db, START) == DEFAULT == Rates(20, 2, 18, False, 0, 1, 50_000_00)


def test_a_change_holds_from_its_moment_on() -> None:
    ctx = new_context()
    _change(ctx, 1, commissionPercent=15)
    _change(ctx, 2, gatewayFeePercent=3, gstAddedToBill=True)
    assert rates.at(ctx.db, START) == DEFAULT
    assert rates.at(ctx.db, START + DAY) == Rates(commission_percent=15)
    assert rates.at(ctx.db, START + 1.9 * DAY) == Rates(commission_percent=15)
    assert rates.at(ctx.db, START + 9 * DAY) == Rates(15, 3, 18, True)


def test_another_change_of_the_configuration_makes_no_row() -> None:
    ctx = new_context()
    _change(ctx, 1, maxSessionDurationMins=60)
    _change(ctx, 2, commissionPercent=20)
    assert Query(("config", "rates", "rows")).run(ctx.db) == []


def test_a_document_keeps_the_rates_that_it_has_frozen() -> None:
    frozen = Rates(commission_percent=12.5, gst_added_to_bill=True, new_mentor_free_days=30)
    assert rates.of(frozen.fields) == frozen
    assert frozen.fields["commissionPercent"] == 12.5

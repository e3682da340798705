"""Which week is paid, and what of it: to the second, and to the paisa."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from konnect.clock import INDIA, zone
from konnect.earnings import policy
from konnect.earnings.dashboard import spans
from konnect.earnings.policy import Share, plan
from konnect.payouts import tax
from konnect.payouts.tax import Withheld, Year, financial_year, withhold
from konnect.rates.service import Rates

MONDAY = datetime(2026, 6, 8, tzinfo=INDIA)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("moment", "until", "next_run"),
    [
        (MONDAY - SECOND, MONDAY - 7 * DAY, MONDAY + timedelta(hours=6)),
        (MONDAY, MONDAY, MONDAY + timedelta(hours=6)),
        (MONDAY + timedelta(hours=6) - SECOND, MONDAY, MONDAY + timedelta(hours=6)),
        (MONDAY + timedelta(hours=6), MONDAY, MONDAY + 7 * DAY + timedelta(hours=6)),
        (MONDAY + 3 * DAY, MONDAY, MONDAY + 7 * DAY + timedelta(hours=6)),
        (MONDAY + 7 * DAY - SECOND, MONDAY, MONDAY + 7 * DAY + timedelta(hours=6)),
        # In UTC it is still Sunday.
        (datetime(2026, 6, 7, 18, 30, tzinfo=UTC), MONDAY, MONDAY + timedelta(hours=6)),
        (datetime(2026, 6, 7, 18, 29, 59, tzinfo=UTC), MONDAY - 7 * DAY, MONDAY + timedelta(hours=6)),
    ],
)
def test_weeks_begin_on_monday_in_india(moment: datetime, until: datetime, next_run: datetime) -> None:
    assert policy.until(moment) == until
    assert policy.next_run(moment) == next_run


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=INDIA), "2025-26"),
        (datetime(2026, 4, 1, tzinfo=INDIA), "2026-27"),
        (datetime(2026, 3, 31, 18, 29, 59, tzinfo=UTC), "2025-26"),
        (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), "2026-27"),
        (datetime(2026, 12, 31, tzinfo=INDIA), "2026-27"),
        (datetime(2100, 1, 1, tzinfo=INDIA), "2099-00"),
    ],
)
def test_the_financial_year_begins_in_april(moment: datetime, year: str) -> None:
    assert financial_year(moment) == year
    assert tax.path("ravi", moment) == ("taxYears", f"ravi:{year}")


RATES = Rates()
LIMIT = RATES.tds_threshold_paise


@pytest.mark.parametrize(
    ("year", "amount", "withheld"),
    [
        (Year(), LIMIT, Withheld(0, 0)),
        (Year(), LIMIT + 1_00, Withheld(1_00, 1)),
        (Year(), LIMIT + 49, Withheld(49, 0)),
        (Year(), LIMIT + 50, Withheld(50, 1)),
        (Year(LIMIT - 1_000_00), 3_000_00, Withheld(2_000_00, 20_00)),
        (Year(LIMIT), 1_000_00, Withheld(1_000_00, 10_00)),
        (Year(LIMIT + 5_000_00, 5_000_00, 50_00), 1_000_00, Withheld(1_000_00, 10_00)),
        # An earlier payout came back: what lies above the threshold was taxed with a later one.
        (Year(20_000_00, 10_000_00, 100_00), 40_000_00, Withheld(0, 0)),
        (Year(20_000_00, 10_000_00, 100_00), 41_000_00, Withheld(1_000_00, 10_00)),
        # The threshold was lowered: what was paid before is not taxed now.
        (Year(LIMIT + 9_000_00), 1_000_00, Withheld(1_000_00, 10_00)),
    ],
)
def test_tds_is_for_what_lies_above_the_years_threshold(year: Year, amount: int, withheld: Withheld) -> None:
    assert withhold(year, amount, RATES) == withheld


def test_tds_of_another_rate_and_none() -> None:
    assert withhold(Year(), 1_000_00, Rates(tds_percent=2.5, tds_threshold_paise=0)) == Withheld(1_000_00, 25_00)
    assert withhold(Year(), 1_000_00, Rates(tds_percent=0, tds_threshold_paise=0)) == Withheld(1_000_00, 0)


def share(name: str, paise: int = 780, ahead: timedelta = DAY, disputed: bool = False) -> Share:
    return Share(name, MONDAY - ahead, paise, disputed)


def planned(
    shares: list[Share], balance: int | None = None, debt: int = 0, most: int = 400
) -> tuple[str, int, int, int]:
    held = sum(one.paise for one in shares) if balance is None else balance
    made = plan(shares, before=MONDAY, balance_paise=held, debt_paise=debt, most=most)
    names = "".join(one.booking_id for one in made.shares) + ("+" if made.more else "")
    return names, made.taken_paise, made.debt_paise, made.amount_paise


def test_what_was_settled_before_monday_is_due() -> None:
    shares = [share("a", ahead=30 * DAY), share("b", ahead=SECOND), share("c", ahead=0 * DAY), share("d", ahead=-DAY)]
    assert planned(shares) == ("ab", 0, 0, 1560)


def test_a_disputed_one_waits_and_its_money_with_it() -> None:
    shares = [share("a", disputed=True), share("b")]
    assert planned(shares) == ("b", 0, 0, 780)
    # 500 were taken: from what is paid now, so that the other is there in full.
    assert planned(shares, 1060) == ("b", 500, 0, 280)


def test_what_was_taken_before_comes_off_the_earliest() -> None:
    assert planned([share("a"), share("b", ahead=-DAY)], 800) == ("a", 760, 0, 20)
    assert planned([share("a"), share("b", ahead=-DAY)], 700) == ("a", 780, 0, 0)


def test_an_open_debt_is_taken_from_the_rest() -> None:
    assert planned([share("a")], debt=300) == ("a", 0, 300, 480)
    assert planned([share("a")], 400, debt=300) == ("a", 380, 300, 100)
    assert planned([share("a")], 400, debt=9000) == ("a", 380, 400, 0)


def test_more_than_one_payout_holds() -> None:
    shares = [share(name, 100) for name in "abc"]
    assert planned(shares, most=2) == ("ab+", 0, 0, 200)
    # It never pays more than there is.
    assert planned(shares, 250, most=2) == ("ab+", 50, 0, 150)


def test_the_period_is_of_whole_weeks() -> None:
    assert policy.period([share("a")], MONDAY) == (date(2026, 6, 1), date(2026, 6, 7))
    assert policy.period([share("a", ahead=8 * DAY)], MONDAY) == (date(2026, 5, 25), date(2026, 6, 7))
    assert policy.period([share("a", ahead=7 * DAY)], MONDAY) == (date(2026, 6, 1), date(2026, 6, 7))


def test_spans_are_those_of_the_mentors_zone() -> None:
    now, place = datetime(2026, 3, 9, 2, 0, tzinfo=UTC), zone("America/New_York")
    days = spans(now, place, "day")
    # Sunday 8 March, on which clocks are put forward: it has 23 hours.
    assert [one[0] for one in days[-2:]] == [date(2026, 3, 7), date(2026, 3, 8)]
    assert (days[-1][3] - days[-1][2], days[-2][3] - days[-2][2]) == (timedelta(hours=23), timedelta(hours=24))
    weeks = spans(now, place, "week")
    assert (len(weeks), weeks[-1][0], weeks[-1][1]) == (12, date(2026, 3, 2), date(2026, 3, 8))
    months = spans(now, place, "month")
    assert (months[-1][0], months[-1][1], months[0][0]) == (date(2026, 3, 1), date(2026, 3, 31), date(2025, 4, 1))
    for found in (days, weeks, months):
        assert all(one[3] == other[2] for one, other in pairwise(found))

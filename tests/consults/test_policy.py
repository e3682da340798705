"""The pure rules: prices of seconds, times of warnings, and who was there when."""

from datetime import timedelta

import pytest

from konnect.consults import policy, schedule
from konnect.consults.attendance import INTERVALS_MAX, Attendance
from konnect.sessions.metering import Pace
from tests.sessions.conftest import PACE
from tests.support import START


@pytest.mark.parametrize(
    ("rate_paise", "seconds", "paise"),
    [(1000, 0, 0), (1000, 60, 1000), (1000, 1, 17), (1000, 1001, 16683), (90, 1, 2), (1, 29, 0), (1, 30, 1)],
)
def test_a_second_is_a_sixtieth_half_up(rate_paise: int, seconds: int, paise: int) -> None:
    assert policy.earned(rate_paise, seconds) == paise


@pytest.mark.parametrize("rate_paise", [1, 7, 999, 1000, 123457])
def test_the_whole_time_costs_the_price(rate_paise: int) -> None:
    assert policy.earned(rate_paise, 30 * 60) == policy.price(rate_paise, 30)


def test_a_short_minute_has_sixty_seconds_too() -> None:
    assert (policy.seconds(59_999, 60), policy.seconds(60_000, 60), policy.seconds(1_000, 2)) == (59, 60, 30)


@pytest.mark.parametrize(("minutes", "warnings"), [(30, [25, 29]), (5, [4]), (1, [])])
def test_warnings_that_are_still_to_come(minutes: int, warnings: list[int]) -> None:
    ends_at = START + timedelta(minutes=minutes)
    assert schedule.warn_at(ends_at, PACE, START) == [START + timedelta(minutes=at) for at in warnings]


def test_of_several_ends_the_first() -> None:
    at = {n: START + timedelta(minutes=n) for n in range(40)}
    consult = {"endsAt": at[30], "userAbsentSince": at[29], "expertAbsentSince": at[28]}
    assert schedule.over(consult, PACE) == (at[29], "expert-absent")
    assert schedule.over({**consult, "expertAbsentSince": None}, Pace(60, 30, 90)) == (at[30], "completed")


def test_who_comes_and_goes_all_the_time_is_counted_all_the_same() -> None:
    seen, now = Attendance.begin(START), START
    seen.note(user_there=True, expert_there=True)
    for there in [False, True] * 300:
        now += timedelta(seconds=1 if there is False else 3)
        seen.advance(now, running=True)
        seen.note(user_there=there, expert_there=True)
    # A clock that is behind adds nothing.
    seen.advance(START, running=True)
    seen.close()
    assert (seen.together_ms, len(seen.intervals["user"])) == (1_200_000, INTERVALS_MAX)
    assert seen.intervals["user"][-1]["to"] == now
    assert seen.intervals["expert"] == [{"from": START, "to": now}]

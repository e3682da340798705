"""Minutes, as tables: no clock, no database."""

from datetime import timedelta

import pytest

from konnect.sessions.metering import Meter, Pace, Tariff, warning
from tests.support import START

PACE = Pace(60, 30, 60)
LIST = Tariff(1000)


def at(seconds: float) -> object:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("next_minute", "seconds", "due"),
    [(0, 0, [0]), (1, 0, []), (1, 59.999, []), (1, 60, [1]), (1, 185, [1, 2, 3]), (4, 60, []), (1, 9999, [1, 2, 3, 4])],
)
def test_due(next_minute: int, seconds: float, due: list[int]) -> None:
    assert list(Meter(START, PACE, 5, LIST, next_minute=next_minute).due(at(seconds))) == due


@pytest.mark.parametrize(
    ("user", "expert", "grace", "seconds", "reason"),
    [
        (None, None, None, 299, None),
        (None, None, None, 300, "max-duration"),
        (10, None, None, 69, None),
        (10, None, None, 70, "user-absent"),
        (10, 5, None, 66, "expert-absent"),
        (10, 5, None, 80, "expert-absent"),
        (10, None, 68, 80, "insufficient-balance"),
        (290, None, None, 400, "max-duration"),
        (230, None, None, 400, "user-absent"),
    ],
)
def test_what_came_first_ends_it(
    user: int | None, expert: int | None, grace: int | None, seconds: int, reason: str | None
) -> None:
    meter = Meter(START, PACE, 5, LIST)
    meter.user_absent_since = None if user is None else at(user)
    meter.expert_absent_since = None if expert is None else at(expert)
    meter.grace_until = None if grace is None else at(grace)
    assert meter.over(at(seconds)) == reason


@pytest.mark.parametrize(
    ("balance", "grace", "expected"),
    [(3000, [], None), (2999, [], "low-balance"), (0, [], "low-balance"), (0, [4], "zero-balance")],
)
def test_warning(balance: int, grace: list[int], expected: str | None) -> None:
    assert warning(balance, Meter(START, PACE, 120, LIST, grace=grace)) == expected


@pytest.mark.parametrize(
    ("for_absence", "deferred", "grace", "written_off"), [(False, [], [1], [2, 3]), (True, [3], [1], [2])]
)
def test_close(for_absence: bool, deferred: list[int], grace: list[int], written_off: list[int]) -> None:
    meter = Meter(START, PACE, 9, LIST, next_minute=4, grace=[1, 2], deferred=[3], grace_until=at(90))
    meter.close(for_absence=for_absence)
    assert (meter.deferred, meter.grace, meter.written_off) == (deferred, grace, written_off)


def test_the_schedule_does_not_drift() -> None:
    meter = Meter(START, PACE, 120, LIST)
    assert [meter.due_at(n) for n in (1, 2, 119)] == [at(60), at(120), at(7140)]


def test_what_is_next() -> None:
    meter = Meter(START, PACE, 120, LIST, next_minute=2, grace_until=at(100), user_absent_since=at(5))
    assert meter.next_action_at() == at(65)

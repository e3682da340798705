"""When an unpaid order is looked at."""

from datetime import timedelta

import pytest

from konnect.payments import policy
from tests.support import START


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), timedelta(minutes=10)),
        (timedelta(minutes=3), timedelta(minutes=10)),
        (timedelta(minutes=10), timedelta(minutes=20)),
        (timedelta(hours=3), timedelta(hours=6)),
        (timedelta(hours=13), timedelta(hours=24)),
        (timedelta(hours=24) - timedelta(seconds=1), timedelta(hours=24)),
        (timedelta(hours=24), timedelta(days=5)),
        (timedelta(days=5) - timedelta(seconds=1), timedelta(days=5)),
        (timedelta(days=5), None),
        (timedelta(days=50), None),
    ],
)
def test_next_check(age: timedelta, expected: timedelta | None) -> None:
    found = policy.next_check(START, START + age)
    assert found == (None if expected is None else START + expected)
    assert found is None or found > START + age
    assert policy.last(START, START + age) == (expected is None)


def test_an_order_expires_after_a_day() -> None:
    assert not policy.expired(START, START + timedelta(hours=23, minutes=59))
    assert policy.expired(START, START + timedelta(hours=24))

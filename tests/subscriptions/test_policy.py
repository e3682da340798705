"""When the provider is asked again, and what its states mean here, as tables; the tax that a price contains."""

from datetime import datetime, timedelta

import pytest

from konnect.subscriptions import policy
from konnect.subscriptions.payment import gst_contained
from tests.bookings.conftest import DAY, HOUR, MINUTE, NOW

UNTIL = NOW + 10 * DAY


@pytest.mark.parametrize(
    ("at_provider", "paid_until", "here"),
    [
        ("created", None, "created"),
        ("active", UNTIL, "active"),
        ("pending", UNTIL, "pending"),
        ("cancelled", UNTIL, "active"),
        ("completed", UNTIL, "active"),
        ("cancelled", NOW, "cancelled"),
        ("expired", None, "expired"),
    ],
)
def test_what_is_paid_for_stays(at_provider: str, paid_until: datetime | None, here: str) -> None:
    assert policy.status(at_provider, paid_until, NOW) == here


@pytest.mark.parametrize(
    ("at_provider", "paid_until", "age", "expected"),
    [
        ("created", None, timedelta(0), 10 * MINUTE),
        ("created", None, 3 * HOUR, 3 * HOUR),
        ("created", None, 9 * DAY, DAY),
        ("active", UNTIL, DAY, 10 * DAY + HOUR),
        ("active", NOW - HOUR, 31 * DAY, HOUR),
        ("active", NOW - 4 * DAY, 40 * DAY, 12 * HOUR),
        ("pending", NOW, 31 * DAY, 6 * HOUR),
        ("halted", NOW, 31 * DAY, DAY),
        ("cancelled", UNTIL, DAY, 10 * DAY),
    ],
)
def test_the_next_look(at_provider: str, paid_until: datetime | None, age: timedelta, expected: timedelta) -> None:
    subscription = {
        "isOpen": True,
        "providerStatus": at_provider,
        "paidUntil": paid_until,
        "cancelRequestedAt": None,
        "createdAt": NOW - age,
    }
    assert policy.next_check(subscription, NOW) == NOW + expected
    assert policy.next_check({**subscription, "isOpen": False}, NOW) is None


@pytest.mark.parametrize(
    ("price_paise", "percent", "gst_paise"), [(499_00, 18, 76_12), (999_00, 18, 152_39), (1, 18, 0), (499_00, 0, 0)]
)
def test_the_tax_in_a_price(price_paise: int, percent: float, gst_paise: int) -> None:
    assert gst_contained(price_paise, percent) == gst_paise

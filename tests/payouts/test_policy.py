"""The rails, what the provider's states mean, when a payout is looked at."""

import itertools
from datetime import timedelta

import pytest

from konnect.payouts import policy
from tests.support import START

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("method", "rupees", "mode"),
    [
        ("upi", 1, "UPI"),
        ("upi", 1_00_000, "UPI"),
        ("upi", 1_00_000.01, None),
        ("bank_transfer", 1, "IMPS"),
        ("bank_transfer", 5_00_000, "IMPS"),
        ("bank_transfer", 5_00_000.01, "NEFT"),
        ("bank_transfer", 90_00_000, "NEFT"),
    ],
)
def test_the_rail_carries_the_amount(method: policy.Method, rupees: float, mode: str | None) -> None:
    assert policy.mode(method, round(rupees * 100)) == mode


def test_each_state_has_its_meaning_and_an_unknown_one_waits() -> None:
    waits = ("pending", "queued", "scheduled", "processing", "on_hold_by_a_later_version")
    assert {policy.meaning(status) for status in waits} == {"waits"}
    assert policy.meaning("processed") == "paid"
    assert {policy.meaning(status) for status in ("reversed", "failed", "cancelled", "rejected")} == {"returned"}


def test_an_open_payout_is_looked_at_ever_more_seldom_and_for_ever() -> None:
    at, asked = START, []
    while at < START + timedelta(days=2):
        at = policy.next_check(START, at)
        asked.append((at - START) / MINUTE)
    assert asked[:7] == [10, 20, 40, 80, 160, 320, 640]
    assert all(later - earlier <= 360 for earlier, later in itertools.pairwise(asked))


def test_a_paid_one_is_looked_at_three_times() -> None:
    looks, at = [], START
    while (following := policy.next_late_check(START, at)) is not None:
        looks.append((following - START).days)
        at = following
    assert looks == [1, 3, 7]


@pytest.mark.parametrize(("ago", "settled"), [(None, True), (0, False), (15, False), (15.1, True)])
def test_an_unknown_attempt_settles_after_a_while(ago: float | None, settled: bool) -> None:
    assert policy.settled_since(None if ago is None else START - ago * MINUTE, START) is settled

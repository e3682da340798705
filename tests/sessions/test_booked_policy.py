"""The rules of a booked session's money and the evidence, as tables."""

from datetime import datetime, timedelta

import pytest

from konnect.sessions.booked import policy
from konnect.sessions.booked.evidence import Evidence
from konnect.sessions.booked.policy import By, Split
from tests.support import START

HOUR_S = 3600
ALL, HALF, NONE = Split(0, 30000), Split(15000, 15000), Split(30000, 0)


@pytest.mark.parametrize(
    ("ahead_s", "user", "expert", "platform"),
    [
        (30 * 24 * HOUR_S, ALL, ALL, ALL),
        (24 * HOUR_S + 1, ALL, ALL, ALL),
        (24 * HOUR_S, HALF, ALL, ALL),
        (24 * HOUR_S - 1, HALF, ALL, ALL),
        (4 * HOUR_S + 1, HALF, ALL, ALL),
        (4 * HOUR_S, HALF, ALL, ALL),
        (4 * HOUR_S - 1, NONE, ALL, ALL),
        (1, NONE, ALL, ALL),
        (0, None, None, ALL),
        (-1, None, None, ALL),
    ],
)
def test_cancellation(ahead_s: int, user: Split | None, expert: Split | None, platform: Split) -> None:
    expected: dict[By, Split | None] = {"user": user, "expert": expert, "platform": platform}
    for by, split in expected.items():
        ahead = timedelta(seconds=ahead_s)
        assert policy.cancellation(30000, by=by, ahead=ahead, minute_s=60) == split
        # A shorter minute shortens every limit.
        assert policy.cancellation(30000, by=by, ahead=ahead / 30, minute_s=2) == split


@pytest.mark.parametrize(("price", "returned"), [(1, 1), (3, 2), (2, 1), (30033, 15017)])
def test_an_odd_paisa_is_the_user_s(price: int, returned: int) -> None:
    split = policy.cancellation(price, by="user", ahead=timedelta(hours=5), minute_s=60)
    assert split == Split(price - returned, returned)


@pytest.mark.parametrize(
    ("unserved_ms", "missed"),
    [(0, 0), (59_999, 0), (60_000, 1), (119_999, 1), (120_000, 2), (1_800_000, 30), (9_000_000, 30)],
)
def test_whole_minutes_that_the_expert_missed(unserved_ms: int, missed: int) -> None:
    assert policy.served(1001, 30, unserved_ms, 60) == Split((30 - missed) * 1001, missed * 1001)


@pytest.mark.parametrize(("percent", "kept"), [(100, 24000), (50, 12000), (0, 0), (33.3, 7992)])
def test_a_user_who_does_not_come(percent: float, kept: int) -> None:
    """Of what is left after the minutes that the expert missed."""
    assert policy.user_no_show(Split(24000, 6000), percent) == Split(kept, 30000 - kept)


class TestEvidence:
    """Minutes after the beginning: who comes and goes, and what it adds up to at minute 10."""

    @pytest.mark.parametrize(
        ("course", "unserved", "attended", "waited", "outcome"),
        [
            ("", 10, 0, 0, "expert-no-show"),
            ("user@0", 10, 0, 10, "expert-no-show"),
            ("expert@0", 0, 10, 0, "user-no-show"),
            # Half of the time, in one piece or in several.
            ("expert@5", 5, 5, 0, "user-no-show"),
            ("expert@5.1", 5.1, 4.9, 0, "expert-no-show"),
            ("expert@9.9", 9.9, 0.1, 0, "expert-no-show"),
            ("expert@0 expert@4", 6, 4, 0, "expert-no-show"),
            ("expert@0 expert@4 expert@6", 2, 8, 0, "user-no-show"),
            ("expert@1 expert@3 expert@7.1", 5.1, 4.9, 0, "expert-no-show"),
            # Gone at the end, for less than a minute, and for one.
            ("expert@0 expert@9.9", 0.1, 9.9, 0, "user-no-show"),
            ("expert@0 expert@9.1", 0.9, 9.1, 0, "user-no-show"),
            ("expert@0 expert@9", 1, 9, 0, "not-started"),
            # A user who was there for a minute, or is at the end, has come.
            ("user@1 user@1.5 expert@5", 5, 5, 0.5, "user-no-show"),
            ("user@1 user@2 expert@5", 5, 5, 1, "not-started"),
            ("user@1 user@1.5 user@2 user@2.5 expert@5", 5, 5, 1, "not-started"),
            ("user@1 user@2 expert@5.1", 5.1, 4.9, 1, "expert-no-show"),
            ("expert@0 expert@9.5 user@9.9", 0.5, 9.5, 0.1, "not-started"),
            # Both there, and nothing began.
            ("user@0 expert@0", 10, 10, 10, "not-started"),
            ("expert@0 user@9", 1, 10, 1, "not-started"),
            ("expert@0 user@3 user@4", 1, 10, 1, "not-started"),
        ],
    )
    def test_before_the_start(self, course: str, unserved: float, attended: float, waited: float, outcome: str) -> None:
        there = {"user": False, "expert": False}
        known = Evidence(START, START, START)
        for change in course.split():
            side, _, minute = change.partition("@")
            known.advance(at(float(minute)), running=False)
            there[side] = not there[side]
            known.note(user_there=there["user"], expert_there=there["expert"])
        known.advance(at(10), running=False)
        found = (known.unserved_ms, known.attended_ms, known.waited_ms)
        assert found == (unserved * 60_000, attended * 60_000, waited * 60_000)
        assert known.outcome(600_000, 60_000) == outcome
        known.kept_busy = True
        assert known.outcome(600_000, 60_000) == "not-started"

    def test_while_it_runs_only_the_expert_s_absence_counts(self) -> None:
        known = Evidence(START, None, None)
        known.advance(at(5), running=True)
        known.note(user_there=False, expert_there=True)
        known.advance(at(8), running=True)
        assert (known.unserved_ms, known.user_absent_since) == (0, at(5))
        assert (known.attended_ms, known.waited_ms) == (0, 0)
        known.note(user_there=False, expert_there=False)
        known.advance(at(9), running=True)
        known.note(user_there=True, expert_there=False)
        known.advance(at(10), running=True)
        assert (known.unserved_ms, known.expert_absent_since, known.user_absent_since) == (120_000, at(8), None)

    def test_a_clock_that_is_behind_adds_nothing(self) -> None:
        known = Evidence(START, START, START)
        known.advance(at(1), running=False)
        known.advance(at(0.5), running=False)
        known.advance(at(2), running=False)
        assert known.unserved_ms == 120_000


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)

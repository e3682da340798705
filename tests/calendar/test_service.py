"""Calendars: overlaps, midnight, holds that lapse, and many at once."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation, SlotTaken
from konnect.context import Context
from tests.support import at_once

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def reservation(name: str, begins: float, minutes: float, held_until: datetime | None = None) -> Reservation:
    """Minutes after noon."""
    return Reservation(name, NOON + begins * MINUTE, NOON + (begins + minutes) * MINUTE, "session", held_until)


def reserve(ctx: Context, uids: Iterable[str], wanted: Reservation, now: datetime = NOON) -> str:
    ctx.run(lambda tx: calendar.reserve(tx, uids, wanted, now=now))
    return wanted.id


def booked(ctx: Context, uid: str, begins: float = -1440, minutes: float = 4320, now: datetime = NOON) -> list[str]:
    since = NOON + begins * MINUTE
    found = ctx.run(lambda tx: calendar.overlapping(tx, uid, since, since + minutes * MINUTE, now=now))
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("begins", "minutes", "free"),
    [
        (30, 30, False),
        (0, 31, False),
        (59, 5, False),
        (0, 120, False),
        (40, 5, False),
        (0, 30, True),
        (60, 30, True),
        (-1440 + 30, 30, True),
    ],
)
def test_overlaps(ctx: Context, begins: float, minutes: float, free: bool) -> None:
    """One from 12:30 to 13:00 is there; what touches it does not overlap."""
    reserve(ctx, ["asha", "meera"], reservation("first", 30, 30))
    if free:
        reserve(ctx, ["asha", "ravi"], reservation("second", begins, minutes))
        assert sorted(booked(ctx, "asha")) == ["first", "second"]
        return
    with pytest.raises(SlotTaken) as refused:
        reserve(ctx, ["ravi", "asha"], reservation("second", begins, minutes))
    assert (refused.value.uid, refused.value.by.id) == ("asha", "first")
    assert booked(ctx, "ravi") == []


def test_over_midnight(ctx: Context) -> None:
    night = reservation("night", 11.5 * 60, 60)
    reserve(ctx, ["asha"], night)
    for begins in (11.5 * 60 - 5, 12 * 60 - 5, 12 * 60 + 25):
        with pytest.raises(SlotTaken):
            reserve(ctx, ["asha"], reservation("other", begins, 10))
    reserve(ctx, ["asha"], reservation("after", 12.5 * 60, 10))
    assert booked(ctx, "asha", 12 * 60 + 10, 5) == ["night"]
    ctx.run(lambda tx: calendar.release(tx, ["asha"], "night", night.begins, night.ends))
    assert booked(ctx, "asha") == ["after"]
    assert ctx.db.get(*calendar.path("asha", NOON.date())) is None


def test_a_repeat_changes_nothing_and_a_release_frees(ctx: Context) -> None:
    wanted = reservation("first", 30, 30)
    for _ in range(2):
        reserve(ctx, ["asha", "meera"], wanted)
    assert booked(ctx, "asha") == booked(ctx, "meera") == ["first"]
    for _ in range(2):
        ctx.run(lambda tx: calendar.release(tx, ["asha", "meera"], "first", wanted.begins, wanted.ends))
    reserve(ctx, ["asha", "ravi"], reservation("second", 30, 30))
    assert booked(ctx, "meera") == []


def test_a_hold_lapses_or_is_made_to_stay(ctx: Context) -> None:
    until = NOON + 15 * MINUTE
    reserve(ctx, ["asha", "meera"], reservation("held", 60, 30, until))
    with pytest.raises(SlotTaken):
        reserve(ctx, ["asha"], reservation("other", 60, 30), now=until - timedelta(seconds=1))
    reserve(ctx, ["asha", "meera"], reservation("paid", 120, 30, until))
    reserve(ctx, ["asha", "meera"], reservation("paid", 120, 30))
    assert booked(ctx, "asha", now=until) == ["paid"]
    reserve(ctx, ["asha", "ravi"], reservation("other", 60, 30), now=until)
    with pytest.raises(SlotTaken):
        reserve(ctx, ["asha", "meera"], reservation("held", 60, 30), now=until)
    # What lapsed is not carried along.
    stored = ctx.db.get(*calendar.path("asha", NOON.date())) or {}
    assert sorted(stored["reservations"]) == ["other", "paid"]


def test_what_goes_on_and_what_comes_next(ctx: Context) -> None:
    reserve(ctx, ["asha"], reservation("soon", 30, 30))
    reserve(ctx, ["asha"], reservation("late", 11.9 * 60, 30))

    def next_at(minutes: float, within: float) -> str | None:
        now = NOON + minutes * MINUTE
        found = ctx.run(lambda tx: calendar.next_within(tx, "asha", now, within * MINUTE))
        return found.id if found else None

    assert [next_at(0, 30), next_at(0, 31), next_at(45, 1), next_at(60, 120)] == [None, "soon", "soon", None]
    assert next_at(60, 11 * 60) == "late"
    assert ctx.run(lambda tx: calendar.at(tx, "asha", NOON + 60 * MINUTE)) == []
    assert [one.id for one in ctx.run(lambda tx: calendar.at(tx, "asha", NOON + 30 * MINUTE))] == ["soon"]


class TestAtOnce:
    """Real transactions, none of whose documents is there yet."""

    def test_fifty_for_one_slot(self, ctx: Context) -> None:
        done = at_once(50, lambda n: reserve(ctx, ["asha", f"user{n}"], reservation(f"r{n}", 30, 30)))
        [won] = [one for one in done if isinstance(one, str)]
        assert {type(one) for one in done if not isinstance(one, str)} == {SlotTaken}
        assert booked(ctx, "asha") == [won]
        assert [n for n in range(50) if booked(ctx, f"user{n}")] == [int(won[1:])]

    def test_unequal_times(self, ctx: Context) -> None:
        """Each overlaps the next, by no boundary in common; those who win do not overlap."""
        done = at_once(8, lambda n: reserve(ctx, ["asha", f"user{n}"], reservation(f"r{n}", 7 * n, 10)))
        assert {type(one) for one in done} == {str, SlotTaken}
        found = ctx.run(lambda tx: calendar.overlapping(tx, "asha", NOON, NOON + 200 * MINUTE, now=NOON))
        assert sorted(one.id for one in found) == sorted(one for one in done if isinstance(one, str))
        assert all(before.ends <= after.begins for before, after in pairwise(found))

    def test_one_user_with_several_experts(self, ctx: Context) -> None:
        done = at_once(10, lambda n: reserve(ctx, [f"expert{n}", "meera"], reservation(f"r{n}", 30 + n, 30)))
        [won] = [one for one in done if isinstance(one, str)]
        assert booked(ctx, "meera") == [won]
        assert [n for n in range(10) if booked(ctx, f"expert{n}")] == [int(won[1:])]

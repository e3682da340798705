"""Open times as a table: windows, neighbours, notice, horizon, holidays, and the days on which a clock is changed."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnect.availability.slots import BLOCK, Rules, is_open, open_slots

HALF, HOUR = timedelta(minutes=30), timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_DAY = dict.fromkeys(range(7), ((9 * 60, 11 * 60),))


def rules(zone: str = "Asia/Kolkata", **given: object) -> Rules:
    values: dict[str, object] = {"weekly": EVERY_DAY, "notice": timedelta(0), "horizon": timedelta(days=400)}
    return Rules(zone=zone, **{**values, **given})  # type: ignore[arg-type]


def on(made: Rules, day: date, duration: timedelta = HALF, taken: object = (), now: datetime = LONG_AGO) -> list[str]:
    """The open times of a UTC day and the hours around it that belong to the zone's day, as UTC clock times."""
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = open_slots(made, taken, begins, begins + timedelta(days=1), duration, now)  # type: ignore[arg-type]
    return [f"{start:%H:%M}" for start in found]


MONDAY = date(2026, 6, 1)
AT_FOUR = datetime(2026, 6, 1, 4, tzinfo=UTC)


class TestWindows:
    def test_blocks_of_half_an_hour(self) -> None:
        assert on(rules(), MONDAY) == ["03:30", "04:00", "04:30", "05:00"]

    def test_an_hour_takes_two_blocks(self) -> None:
        assert on(rules(), MONDAY, HOUR) == ["03:30", "04:00", "04:30"]

    def test_a_window_shorter_than_the_duration_gives_nothing(self) -> None:
        assert on(rules(weekly={1: ((540, 570),)}), MONDAY, HOUR) == []

    def test_windows_that_touch_are_one(self) -> None:
        assert on(rules(weekly={1: ((540, 570), (570, 600))}), MONDAY, HOUR) == ["03:30"]

    def test_windows_that_overlap_count_once(self) -> None:
        assert on(rules(weekly={1: ((540, 600), (570, 630))}), MONDAY) == ["03:30", "04:00", "04:30"]

    def test_sunday_is_the_week_s_day_0(self) -> None:
        sunday = MONDAY - timedelta(days=1)
        assert on(rules(weekly={0: ((540, 570),)}), sunday) == ["03:30"]
        assert on(rules(weekly={0: ((540, 570),)}), MONDAY) == []

    def test_to_midnight_and_on_from_it(self) -> None:
        made = rules("UTC", weekly={1: ((1380, 1440),), 2: ((0, 60),)})
        late = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
        assert open_slots(made, (), late, late + BLOCK, HOUR, LONG_AGO) == [late]

    def test_an_exception_takes_the_day_s_place(self) -> None:
        assert on(rules(exceptions={MONDAY: ((600, 660),)}), MONDAY) == ["04:30", "05:00"]
        assert on(rules(exceptions={MONDAY: ()}), MONDAY) == []

    def test_holidays_and_the_switch(self) -> None:
        assert on(rules(holidays=((MONDAY, MONDAY),)), MONDAY) == []
        assert on(rules(holidays=((MONDAY, MONDAY),)), MONDAY + timedelta(days=1)) != []
        assert on(rules(accepting=False), MONDAY) == []

    def test_a_local_day_that_is_another_day_in_utc(self) -> None:
        made = rules("Pacific/Auckland", weekly={1: ((540, 600),)})
        assert on(made, MONDAY - timedelta(days=1)) == ["21:00", "21:30"]


class TestBounds:
    @pytest.mark.parametrize(
        ("now", "first"),
        [
            (AT_FOUR - HOUR, "04:00"),
            (AT_FOUR - HOUR + timedelta(seconds=1), "04:30"),
            (AT_FOUR - HOUR - timedelta(seconds=1), "04:00"),
        ],
    )
    def test_notice_to_the_second(self, now: datetime, first: str) -> None:
        assert on(rules(notice=HOUR), MONDAY, now=now)[0] == first

    def test_the_horizon_ends_it(self) -> None:
        made = rules(horizon=timedelta(days=1))
        assert on(made, MONDAY, now=AT_FOUR - timedelta(days=1)) == ["03:30"]

    def test_what_is_taken_is_not_open(self) -> None:
        taken = [(AT_FOUR, AT_FOUR + HALF)]
        assert on(rules(), MONDAY, taken=taken) == ["03:30", "04:30", "05:00"]
        assert on(rules(), MONDAY, HOUR, taken=taken) == ["04:30"]

    def test_the_buffer_keeps_neighbours_apart(self) -> None:
        taken = [(AT_FOUR, AT_FOUR + HALF)]
        assert on(rules(buffer=timedelta(minutes=1)), MONDAY, taken=taken) == ["05:00"]

    @given(st.integers(0, 95), st.sampled_from([HALF, HOUR]))
    def test_what_is_shown_can_be_booked_and_nothing_else(self, quarter: int, duration: timedelta) -> None:
        start = datetime(2026, 6, 1, tzinfo=UTC) + quarter * timedelta(minutes=15)
        taken = [(AT_FOUR, AT_FOUR + HALF)]
        shown = on(rules(), MONDAY, duration, taken)
        assert is_open(rules(), taken, start, duration, LONG_AGO) == (f"{start:%H:%M}" in shown)


class TestClockChanges:
    """2026: London forward on 29 March at 01:00, back on 25 October at 02:00; New York 8 March, 1 November at 02:00."""

    @pytest.mark.parametrize(
        ("zone", "day", "open_at"),
        [
            ("Europe/London", date(2026, 3, 28), ["09:00", "09:30", "10:00", "10:30"]),
            ("Europe/London", date(2026, 3, 29), ["08:00", "08:30", "09:00", "09:30"]),
            ("Europe/London", date(2026, 10, 25), ["09:00", "09:30", "10:00", "10:30"]),
            ("America/New_York", date(2026, 3, 7), ["14:00", "14:30", "15:00", "15:30"]),
            ("America/New_York", date(2026, 3, 8), ["13:00", "13:30", "14:00", "14:30"]),
            ("America/New_York", date(2026, 11, 1), ["14:00", "14:30", "15:00", "15:30"]),
        ],
    )
    def test_nine_o_clock_stays_nine_o_clock(self, zone: str, day: date, open_at: list[str]) -> None:
        assert on(rules(zone), day) == open_at

    @pytest.mark.parametrize(
        ("zone", "day", "blocks"),
        [
            ("Europe/London", date(2026, 3, 28), 8),
            ("Europe/London", date(2026, 3, 29), 6),
            ("Europe/London", date(2026, 10, 25), 10),
            ("America/New_York", date(2026, 3, 8), 6),
            ("America/New_York", date(2026, 11, 1), 10),
        ],
    )
    def test_a_window_over_the_change_has_the_hours_that_the_day_has(self, zone: str, day: date, blocks: int) -> None:
        made = rules(zone, weekly=dict.fromkeys(range(7), ((0, 240),)))
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=2)
        found = open_slots(made, (), begins, begins + timedelta(hours=14), HALF, LONG_AGO)
        assert len(found) == blocks
        assert all(later - earlier == BLOCK for earlier, later in pairwise(found))

    def test_the_skipped_hour_gives_nothing_twice(self) -> None:
        made = rules("Europe/London", weekly={0: ((60, 120), (120, 180))})
        assert on(made, date(2026, 3, 29)) == ["01:00", "01:30"]

    def test_the_hour_that_comes_twice_is_open_once_each(self) -> None:
        made = rules("America/New_York", weekly={0: ((60, 120),)})
        assert on(made, date(2026, 11, 1)) == ["05:00", "05:30", "06:00", "06:30"]


class TestTaken:
    @given(
        st.lists(st.tuples(st.integers(0, 600), st.integers(1, 90)), max_size=12),
        st.sampled_from([0, 15, 45]),
        st.sampled_from([HALF, HOUR]),
    )
    def test_what_touches_no_taken_time_is_open(
        self, taken: list[tuple[int, int]], buffer_mins: int, duration: timedelta
    ) -> None:
        """Overlapping, touching, in any order: as if each slot were held against each taken time."""
        begins = datetime(2026, 6, 1, tzinfo=UTC)
        spans = [(begins + timedelta(minutes=first), begins + timedelta(minutes=first + size)) for first, size in taken]
        buffer, ends = timedelta(minutes=buffer_mins), begins + timedelta(hours=10)
        made = rules(zone="UTC", weekly=dict.fromkeys(range(7), ((0, 1440),)), buffer=buffer)
        free = [
            start
            for start in open_slots(made, (), begins, ends, duration, LONG_AGO)
            if not any(begin - buffer < start + duration and start < end + buffer for begin, end in spans)
        ]
        assert open_slots(made, spans, begins, ends, duration, LONG_AGO) == free

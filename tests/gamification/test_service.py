"""What gives points, levels, badges and streaks: once each, whoever asks how often."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from konnect.context import Context
from konnect.courses import ratings
from konnect.errors import Unavailable
from konnect.gamification import board, deletion, service
from konnect.gamification.policy import Reason
from konnect.store import Doc, Query
from tests.support import START, at_once, kept_events

DAY = timedelta(days=1)
MEERA = "meera"


def award(ctx: Context, reason: Reason, subject: str, *, uid: str = MEERA, now: datetime = START) -> int:
    return ctx.run(lambda tx: service.award(tx, uid, reason, subject, now=now))


def touch(ctx: Context, now: datetime, *, uid: str = MEERA) -> Doc:
    return ctx.run(lambda tx: service.touch(tx, uid, now=now)) or {}


def count(ctx: Context, counter: service.Counter, times: int = 1) -> None:
    for _ in range(times):
        ctx.run(lambda tx: service.count(tx, MEERA, counter, now=START))


def state(ctx: Context, uid: str = MEERA) -> Doc:
    return service.read(ctx.db, uid)


def badges(ctx: Context) -> list[str]:
    return [badge["id"] for badge in state(ctx)["badges"]]


def told(ctx: Context, type: str) -> list[str]:
    found = Query(("notifications",)).filter("userId", "==", MEERA).filter("type", "==", type).run(ctx.db)
    return sorted(one["title"] for one in found)


class TestPoints:
    def test_once_a_subject(self, ctx: Context) -> None:
        assert [award(ctx, "lecture_completed", lecture) for lecture in ("l1", "l1", "l2")] == [10, 0, 10]
        assert award(ctx, "quiz_passed", "l1") == 50
        # And those of the day.
        assert state(ctx)["points"] == 75
        assert {(one["reason"], one["points"]) for one in board.recent(ctx.db, MEERA)} == {
            ("lecture_completed", 10),
            ("quiz_passed", 50),
            ("daily_streak", 5),
        }

    def test_twenty_at_once_give_it_once(self, ctx: Context) -> None:
        given = at_once(20, lambda _: award(ctx, "course_completed", "c1"))
        assert all(isinstance(one, (int, Unavailable)) for one in given)
        award(ctx, "course_completed", "c1")
        assert state(ctx)["points"] == 105
        assert len(Query(("points",)).run(ctx.db)) == 2

    def test_a_level_is_told_once(self, ctx: Context) -> None:
        for course in range(10):
            award(ctx, "course_completed", f"c{course}")
        assert (state(ctx)["points"], state(ctx)["level"], state(ctx)["levelName"]) == (1005, 2, "Learner")
        award(ctx, "course_completed", "c10")
        assert told(ctx, "level_up") == ["Level 2: Learner"]
        (event,) = [
            one["notification"]
            for one in kept_events(ctx).named("new_notification")
            if one["notification"]["type"] == "level_up"
        ]
        assert (event["data"], event["actionUrl"]) == ({"level": 2, "levelName": "Learner"}, "/achievements")

    def test_the_month_is_india_s(self, ctx: Context) -> None:
        end = datetime(2026, 1, 31, 18, 29, tzinfo=UTC)
        award(ctx, "review_left", "r1", now=end)
        assert board.points_of_month(state(ctx), end) == 20
        begins = end + timedelta(minutes=1)
        assert board.points_of_month(state(ctx), begins) == 0
        award(ctx, "review_left", "r2", now=begins)
        # One that was late counts for the running month.
        award(ctx, "review_left", "r3", now=end)
        assert (state(ctx)["month"], state(ctx)["monthPoints"], state(ctx)["points"]) == ("2026-02", 35, 55)


class TestStreak:
    def test_seven_days_in_a_row(self, ctx: Context) -> None:
        for day in range(7):
            assert touch(ctx, START + day * DAY)["currentStreak"] == day + 1
            touch(ctx, START + day * DAY + timedelta(hours=1))
        assert state(ctx)["points"] == 7 * 5
        assert (badges(ctx), told(ctx, "badge_earned")) == (
            ["seven_day_streak"],
            ["You have earned a badge: 7-Day Streak"],
        )

    def test_a_day_that_is_missed_begins_anew(self, ctx: Context) -> None:
        for day in (0, 1, 2, 4):
            touch(ctx, START + day * DAY)
        assert (state(ctx)["currentStreak"], state(ctx)["longestStreak"]) == (1, 3)

    def test_days_are_india_s(self, ctx: Context) -> None:
        midnight = datetime(2026, 1, 5, 18, 30, tzinfo=UTC)
        for moment in (midnight - timedelta(seconds=1), midnight):
            touch(ctx, moment)
        assert (state(ctx)["currentStreak"], state(ctx)["lastActiveDay"]) == (2, "2026-01-06")

    def test_what_others_do_is_no_activity(self, ctx: Context) -> None:
        given = ctx.run(lambda tx: service.award(tx, MEERA, "friend_referred", "arjun", is_here=False, now=START))
        assert (given, state(ctx)["points"], state(ctx)["lastActiveDay"]) == (25, 25, None)

    def test_twenty_at_once_count_the_day_once(self, ctx: Context) -> None:
        at_once(20, lambda _: touch(ctx, START))
        touch(ctx, START)
        assert (state(ctx)["currentStreak"], state(ctx)["points"]) == (1, 5)


class TestBadges:
    @pytest.mark.parametrize(
        ("counter", "times", "expected"),
        [
            ("completedCourses", 10, ["first_course", "bookworm"]),
            ("completedExchanges", 2, ["skill_sharer"]),
            ("perfectQuizzes", 5, ["quiz_master"]),
        ],
    )
    def test_of_counters(self, ctx: Context, counter: service.Counter, times: int, expected: list[str]) -> None:
        count(ctx, counter, times)
        assert (badges(ctx), state(ctx)[counter]) == (expected, times)

    def test_once(self, ctx: Context) -> None:
        new = [ctx.run(lambda tx: service.earn_badge(tx, MEERA, "course_creator", now=START)) for _ in range(2)]
        assert (new, badges(ctx)) == ([True, False], ["course_creator"])
        assert told(ctx, "badge_earned") == ["You have earned a badge: Course Creator"]

    def test_a_course_rated_well_by_five(self, ctx: Context) -> None:
        course = {"instructor": {"uid": MEERA}, "ratingSum": 18, "reviewCount": 4, "rating": 4.5}
        ctx.db.set(("courses", "c1"), course)
        assert badges(ctx) == []
        ctx.run(lambda tx: ratings.add(tx, "c1", ratings=5, reviews=1, now=START))
        assert badges(ctx) == ["top_rated"]


def test_a_closed_account_earns_nothing_any_more(ctx: Context) -> None:
    ctx.db.set(("users", MEERA), {"name": "Meera", "disabled": False})
    for lecture in ("l1", "l2"):
        award(ctx, "lecture_completed", lecture)
    ctx.db.set(("users", MEERA), {"disabled": True}, merge=True)
    deletion.erase(ctx, MEERA)
    assert award(ctx, "lecture_completed", "l3") == 0
    assert touch(ctx, START) == {}
    count(ctx, "completedCourses")
    ctx.run(lambda tx: service.show_on_leaderboard(tx, MEERA, True, now=START))
    assert Query(("points",)).run(ctx.db) == Query(("gamification",)).run(ctx.db) == []
    deletion.erase(ctx, MEERA)


class TestBoard:
    def points(self, ctx: Context, **points: int) -> None:
        """People on the board, with so many points of January."""
        for uid, number in points.items():
            fields = {"points": number, "monthPoints": number, "month": "2026-01", "listed": True}
            ctx.run(
                lambda tx, uid=uid, fields=fields: tx.set(("gamification", uid), {**service.find(tx, uid), **fields})
            )

    def read(self, ctx: Context, month: str | None, limit: int) -> list[tuple[str, int, int]]:
        found, cursor = [], None
        while True:
            page = board.leaders(ctx.db, month, limit=limit, cursor=cursor)
            found += [(one["id"], one["rank"], one["shownPoints"]) for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
    def test_equal_points_share_a_rank_on_every_page(self, ctx: Context, limit: int) -> None:
        self.points(ctx, a=90, b=70, c=70, d=70, e=10, f=10, g=5)
        expected = [("a", 1, 90), ("d", 2, 70), ("c", 2, 70), ("b", 2, 70), ("f", 5, 10), ("e", 5, 10), ("g", 7, 5)]
        for month in (None, "2026-01"):
            assert self.read(ctx, month, limit) == expected
        assert [board.rank(ctx.db, state(ctx, uid), None) for uid in "abcdefg"] == [1, 2, 2, 2, 5, 5, 7]

    def test_who_is_not_on_it(self, ctx: Context) -> None:
        self.points(ctx, meera=90, arjun=70, asha=0)
        ctx.run(lambda tx: service.show_on_leaderboard(tx, MEERA, False, now=START))
        assert self.read(ctx, None, 10) == [("arjun", 1, 70)]
        assert [board.rank(ctx.db, state(ctx, uid), None) for uid in (MEERA, "arjun", "asha")] == [None, 1, None]
        ctx.run(lambda tx: service.show_on_leaderboard(tx, MEERA, True, now=START))
        assert self.read(ctx, None, 10) == [(MEERA, 1, 90), ("arjun", 2, 70)]

    def test_another_month_begins_empty(self, ctx: Context) -> None:
        self.points(ctx, meera=90)
        assert self.read(ctx, "2026-02", 10) == []
        assert board.rank(ctx.db, state(ctx), "2026-02") is None
        award(ctx, "review_left", "r", now=START + 31 * DAY)
        assert self.read(ctx, "2026-02", 10) == [(MEERA, 1, 20)]

    def test_nobody_is_on_it_unasked(self, ctx: Context) -> None:
        award(ctx, "review_left", "r")
        ctx.run(partial(service.show_on_leaderboard, uid="nobody", listed=False, now=START))
        assert self.read(ctx, None, 10) == []
        assert ctx.db.get("gamification", "nobody") is None

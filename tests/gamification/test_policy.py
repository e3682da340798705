"""SkillVerse's tables of points, levels and badges (its document, 10.4), and its streaks (10.2)."""

from datetime import date, timedelta

import pytest

from konnect.gamification import policy

TODAY = date(2026, 3, 1)


def test_the_points_of_the_document() -> None:
    assert policy.POINTS == {
        "lecture_completed": 10,
        "course_completed": 100,
        "quiz_passed": 50,
        "exchange_completed": 75,
        "review_left": 15,
        "daily_streak": 5,
        "friend_referred": 25,
    }
    assert policy.QUIZ_PERCENT == 90
    assert set(policy.POINTS) == set(policy.REASONS)


@pytest.mark.parametrize(
    ("points", "number", "name", "next_at"),
    [
        (0, 1, "Novice", 1000),
        (999, 1, "Novice", 1000),
        (1000, 2, "Learner", 2500),
        (2499, 2, "Learner", 2500),
        (2500, 3, "Achiever", 5000),
        (4999, 3, "Achiever", 5000),
        (5000, 4, "Expert", 10000),
        (9999, 4, "Expert", 10000),
        (10000, 5, "Master", None),
        (10**6, 5, "Master", None),
    ],
)
def test_levels(points: int, number: int, name: str, next_at: int | None) -> None:
    level = policy.level(points)
    assert (level.number, level.name, level.next_at) == (number, name, next_at)
    assert level.begins_at <= points


@pytest.mark.parametrize(
    ("counter", "count", "badges"),
    [
        ("completedCourses", 0, ()),
        ("completedCourses", 1, ("first_course",)),
        ("completedCourses", 9, ("first_course",)),
        ("completedCourses", 10, ("first_course", "bookworm")),
        ("completedExchanges", 1, ("skill_sharer",)),
        ("perfectQuizzes", 4, ()),
        ("perfectQuizzes", 5, ("quiz_master",)),
    ],
)
def test_badges_of_counters(counter: policy.Counter, count: int, badges: tuple[str, ...]) -> None:
    assert policy.earned(counter, count) == badges


def test_every_badge_of_the_document_is_described() -> None:
    assert set(policy.BADGE_KINDS) == set(policy.BADGES)
    assert [kind.name for kind in policy.BADGE_KINDS.values()] == [
        "First Course Completed",
        "7-Day Streak",
        "Bookworm",
        "Skill Sharer",
        "Top Rated",
        "Course Creator",
        "Quiz Master",
    ]


@pytest.mark.parametrize(
    ("days_ago", "now", "standing"),
    [(None, 1, 0), (0, 4, 4), (1, 5, 4), (2, 1, 0), (30, 1, 0), (-1, 4, 4)],
)
def test_a_streak_of_four(days_ago: int | None, now: int, standing: int) -> None:
    """Last here so many days ago; today counts once, and a day that is late never takes anything back."""
    last = None if days_ago is None else TODAY - timedelta(days=days_ago)
    assert (policy.streak(4, last, TODAY), policy.standing_streak(4, last, TODAY)) == (now, standing)


@pytest.mark.parametrize(("average", "count", "top"), [(4.5, 5, True), (4.49, 5, False), (5, 4, False), (5, 50, True)])
def test_top_rated(average: float, count: int, top: bool) -> None:
    assert policy.is_top_rated(average, count) is top

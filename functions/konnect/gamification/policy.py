"""Points, levels, badges and streaks: SkillVerse's tables (its document, 10.4) as data. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

Reason = Literal[
    "lecture_completed",
    "course_completed",
    "quiz_passed",
    "exchange_completed",
    "review_left",
    "daily_streak",
    "friend_referred",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
POINTS: dict[Reason, int] = {
    "lecture_completed": 10,
    "course_completed": 100,
    "quiz_passed": 50,
    "exchange_completed": 75,
    "review_left": 15,
    "daily_streak": 5,
    "friend_referred": 25,
}

QUIZ_PERCENT = 90
"""From this score on a quiz gives points."""

LEVELS: tuple[tuple[int, str], ...] = (
    (0, "Novice"),
    (1_000, "Learner"),
    (2_500, "Achiever"),
    (5_000, "Expert"),
    (10_000, "Master"),
)
"""From how many points on, and what it is called; the first is level 1."""

Badge = Literal[
    "first_course",
    "seven_day_streak",
    "bookworm",
    "skill_sharer",
    "top_rated",
    "course_creator",
    "quiz_master",
]
BADGES: tuple[Badge, ...] = get_args(Badge)

Counter = Literal["completedCourses", "completedExchanges", "perfectQuizzes"]
COUNTERS: tuple[Counter, ...] = get_args(Counter)


@dataclass(frozen=True)
class BadgeKind:
    name: str
    icon: str
    criteria: str


BADGE_KINDS: dict[Badge, BadgeKind] = {
    "first_course": BadgeKind("First Course Completed", "🎓", "Complete your first course."),
    "seven_day_streak": BadgeKind("7-Day Streak", "🔥", "Be here on seven days in a row."),
    "bookworm": BadgeKind("Bookworm", "📚", "Complete ten courses."),
    "skill_sharer": BadgeKind("Skill Sharer", "🤝", "Complete your first skill exchange."),
    "top_rated": BadgeKind("Top Rated", "⭐", "Be rated 4.5 or better for exchanges, or for a course, by five people."),
    "course_creator": BadgeKind("Course Creator", "🎬", "Have your first course published."),
    "quiz_master": BadgeKind("Quiz Master", "🏆", "Answer everything right in five quizzes."),
}

STREAK_BADGE_DAYS = 7
TOP_RATING, TOP_RATINGS = 4.5, 5
_COUNTED: dict[Badge, tuple[Counter, int]] = {
    "first_course": ("completedCourses", 1),
    "bookworm": ("completedCourses", 10),
    "skill_sharer": ("completedExchanges", 1),
    "quiz_master": ("perfectQuizzes", 5),
}


@dataclass(frozen=True)
class Level:
    number: int
    name: str
    begins_at: int
    next_at: int | None
    """Points of the next level; None: there is none."""


def level(points: int) -> Level:
    """The level that `points` have come to."""
    number = sum(1 for begins_at, _ in LEVELS if points >= begins_at)
    begins_at, name = LEVELS[number - 1]
    return Level(number, name, begins_at, LEVELS[number][0] if number < len(LEVELS) else None)


def earned(counter: Counter, count: int) -> tuple[Badge, ...]:
    """The badges that a counter has come to."""
    return tuple(badge for badge, (counted, enough) in _COUNTED.items() if counted == counter and count >= enough)


def is_top_rated(average: float, count: int) -> bool:
    """The document says "4.5+ rating"; one rating alone is none."""
    return count >= TOP_RATINGS and average >= TOP_RATING


def streak(current: int, last_day: date | None, today: date) -> int:
    """How many days in a row somebody has been here, with `today`."""
    if last_day is not None and today <= last_day:
        return current
    return current + 1 if last_day == today - timedelta(days=1) else 1


def standing_streak(current: int, last_day: date | None, today: date) -> int:
    """The same for who looks at it: it has ended with a day that was missed."""
    return current if last_day is not None and last_day >= today - timedelta(days=1) else 0

"""Progress and quizzes: what has been done, and what it comes to. Pure.

Progress is SkillVerse's (its document, 10.2): the share of the course's lectures that are completed, rounded half up.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

ATTEMPTS_A_DAY = 5
"""Of one quiz, by a learner, on a day in India: it is learned for, not guessed through."""
PERFECT = 100


@dataclass(frozen=True)
class Graded:
    """`percent`: rounded down, so that 100 is all of them; `right`: of each question, by its id."""

    right: Mapping[str, bool]
    percent: int

    @property
    def score(self) -> int:
        return sum(self.right.values())


def lectures(course: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A course's lectures, in its order."""
    return [lecture for section in course["sections"] for lecture in section["lectures"]]


def quizzes(course: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [quiz for section in course["sections"] for quiz in section["quizzes"]]


def done(course: Mapping[str, Any], completed: Collection[str]) -> list[str]:
    """The lectures that are completed, of those that the course has now, in its order."""
    return [lecture["id"] for lecture in lectures(course) if lecture["id"] in completed]


def progress(course: Mapping[str, Any], completed: Collection[str]) -> int:
    """In percent; 100 is all of them, never rounded up to."""
    total, so_far = len(lectures(course)), len(done(course, completed))
    if total == 0:
        return 0
    return 100 if so_far == total else min(99, (200 * so_far + total) // (2 * total))


def current(course: Mapping[str, Any], enrollment: Mapping[str, Any]) -> dict[str, Any]:
    """An enrolment in the course as it is by now: its educator has added parts, or has removed some for good."""
    completed = done(course, enrollment["completedLectures"])
    there = {part["id"] for part in (*lectures(course), *quizzes(course))}
    left = {
        name: {part_id: value for part_id, value in enrollment[name].items() if part_id in there}
        for name in ("positions", "quizzes")
    }
    return {**enrollment, **left, "completedLectures": completed, "progress": progress(course, completed)}


def is_complete(
    course: Mapping[str, Any], completed: Collection[str], passed: Collection[str], *, quizzes_required: bool
) -> bool:
    """Whether nothing of the course is left to do."""
    wanted = [quiz["id"] for quiz in quizzes(course)] if quizzes_required else []
    return progress(course, completed) == 100 and set(wanted) <= set(passed)


def grade(questions: Collection[Mapping[str, Any]], answers: Mapping[str, int]) -> Graded:
    """`answers`: the chosen option's index by the question's id; a question without one is wrong."""
    right = {question["id"]: answers.get(question["id"]) == question["answer"] for question in questions}
    return Graded(right, 100 * sum(right.values()) // len(right) if right else 0)


def attempts_left(record: Mapping[str, Any], today: date) -> int:
    """How often a quiz can still be taken today. `record`: what the enrolment has of it, {} without an attempt."""
    used = int(record["today"]) if record.get("day") == today.isoformat() else 0
    return max(0, ATTEMPTS_A_DAY - used)

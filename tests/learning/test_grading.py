"""Progress and grades, by tables."""

from datetime import date
from typing import Any

import pytest

from konnect.learning import grading

DAY = date(2026, 1, 5)


def course(lectures: int, quizzes: tuple[str, ...] = ()) -> dict[str, Any]:
    parts = [{"id": str(number)} for number in range(lectures)]
    return {"sections": [{"lectures": parts, "quizzes": [{"id": one} for one in quizzes]}]}


@pytest.mark.parametrize(
    ("lectures", "completed", "percent"),
    [
        (0, 0, 0),
        (3, 0, 0),
        (3, 1, 33),
        (3, 2, 67),
        (3, 3, 100),
        (8, 1, 13),  # 12.5, half up
        (200, 199, 99),  # 99.5 is not all of them
        (1000, 1, 0),
    ],
)
def test_progress(lectures: int, completed: int, percent: int) -> None:
    assert grading.progress(course(lectures), [str(number) for number in range(completed)]) == percent


def test_what_the_course_has_no_more_does_not_count() -> None:
    assert grading.progress(course(2), ["0", "gone", "older"]) == 50
    assert grading.done(course(2), ["gone", "1"]) == ["1"]


@pytest.mark.parametrize(
    ("completed", "passed", "required", "complete"),
    [
        (["0", "1"], ["q"], True, True),
        (["0", "1"], [], True, False),
        (["0", "1"], [], False, True),
        (["0"], ["q"], True, False),
        ([], ["q"], False, False),
    ],
)
def test_completion(completed: list[str], passed: list[str], required: bool, complete: bool) -> None:
    found = grading.is_complete(course(2, ("q",)), completed, passed, quizzes_required=required)
    assert found == complete


@pytest.mark.parametrize(
    ("answers", "percent", "score"),
    [({}, 0, 0), ({"a": 1}, 33, 1), ({"a": 1, "b": 0, "c": 0}, 66, 2), ({"a": 1, "b": 0, "c": 2}, 100, 3)],
)
def test_grades(answers: dict[str, int], percent: int, score: int) -> None:
    questions = [{"id": "a", "answer": 1}, {"id": "b", "answer": 0}, {"id": "c", "answer": 2}]
    found = grading.grade(questions, answers)
    assert (found.percent, found.score) == (percent, score)
    assert grading.grade([], {}).percent == 0


@pytest.mark.parametrize(
    ("record", "left"),
    [
        ({}, 5),
        ({"day": "2026-01-05", "today": 4}, 1),
        ({"day": "2026-01-05", "today": 5}, 0),
        ({"day": "2026-01-04", "today": 5}, 5),
    ],
)
def test_attempts_of_a_day(record: dict[str, Any], left: int) -> None:
    assert grading.attempts_left(record, DAY) == left

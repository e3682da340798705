"""Quizzes: questions without their answers go out, answers come in and are graded here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from konnect import clock, idempotency
from konnect.courses import service
from konnect.errors import BadRequest, NotFound, RateLimited
from konnect.gamification import service as gamification
from konnect.gamification.policy import QUIZ_PERCENT
from konnect.store import Doc, Tx

from . import grading, progress


def attempt(
    tx: Tx,
    course_id: str,
    uid: str,
    quiz_id: str,
    answers: Mapping[str, int],
    *,
    key: idempotency.Key | None,
    code: str,
    now: datetime,
) -> dict[str, Any]:
    """Take a quiz: {quizId, percent, score, total, passingPercent, isPassed, results: [{questionId, isCorrect}],
    bestPercent, attemptsLeft, pointsEarned, progress, courseStatus, certificateId}. Right answers are not told: the
    quiz can be taken again. `code`: a new one, for the certificate that this may come to.

    Points are for 90 %, once a quiz; the first perfect score of each quiz counts for Quiz Master.

    Raises NotFound (COURSE_NOT_FOUND, QUIZ_NOT_FOUND), Forbidden (NOT_ENROLLED, ACCOUNT_DISABLED), BadRequest
    (answers), RateLimited (TOO_MANY_ATTEMPTS).
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return answered
    course, enrollment = progress.of(tx, course_id, uid)
    quiz = find_quiz(tx, course, quiz_id)
    enrollment = grading.current(course, enrollment)
    _check(quiz["questions"], answers)
    today = clock.business_day(now)
    before: Doc = enrollment["quizzes"].get(quiz_id, {})
    left = grading.attempts_left(before, today)
    if left == 0:
        wait_s = int((clock.day_begins(today + timedelta(days=1)) - now).total_seconds()) + 1
        message = f"a quiz can be taken {grading.ATTEMPTS_A_DAY} times a day"
        raise RateLimited(message, code="TOO_MANY_ATTEMPTS", retry_after_s=wait_s)
    graded = grading.grade(quiz["questions"], answers)
    percent, passing = graded.percent, quiz["passingPercent"]
    is_perfect = percent == grading.PERFECT
    record: Doc = {
        "attempts": before.get("attempts", 0) + 1,
        "day": today.isoformat(),
        "today": grading.ATTEMPTS_A_DAY - left + 1,
        "lastPercent": percent,
        "bestPercent": max(percent, before.get("bestPercent", 0)),
        "passedAt": before.get("passedAt") or (now if percent >= passing else None),
        "perfectAt": before.get("perfectAt") or (now if is_perfect else None),
    }
    changed = {"quizzes": {**enrollment["quizzes"], quiz_id: record}, "lastActiveAt": now, "updatedAt": now}
    tx.update(("enrollments", enrollment["id"]), changed)
    gamification.touch(tx, uid, now=now)
    points = 0
    if percent >= QUIZ_PERCENT:
        points += gamification.award(tx, uid, "quiz_passed", f"{course_id}/{quiz_id}", now=now)
    if is_perfect and before.get("perfectAt") is None:
        gamification.count(tx, uid, "perfectQuizzes", now=now)
    done = progress.finish(tx, course, {**enrollment, **changed}, points, code=code, now=now)
    result = {
        "quizId": quiz_id,
        "percent": percent,
        "score": graded.score,
        "total": len(graded.right),
        "passingPercent": passing,
        "isPassed": percent >= passing,
        "results": [{"questionId": question, "isCorrect": right} for question, right in graded.right.items()],
        "bestPercent": record["bestPercent"],
        "attemptsLeft": left - 1,
        "pointsEarned": done.points,
        "progress": done.enrollment["progress"],
        "courseStatus": done.enrollment["status"],
        "certificateId": done.enrollment["certificateId"],
    }
    idempotency.record(tx, key, result, now=now)
    return result


def find_quiz(tx: Tx, course: Doc, quiz_id: str) -> Doc:
    """With its questions and their answers. Raises NotFound (QUIZ_NOT_FOUND)."""
    quiz = service.content(tx, course["id"])["quizzes"].get(quiz_id)
    if quiz is None or all(one["id"] != quiz_id for one in grading.quizzes(course)):
        raise NotFound("there is no such quiz in this course", code="QUIZ_NOT_FOUND")
    return quiz


def _check(questions: list[Doc], answers: Mapping[str, int]) -> None:
    known = {question["id"]: len(question["options"]) for question in questions}
    for question_id, option in answers.items():
        if question_id not in known:
            raise BadRequest.field("answers", f"there is no question {question_id} in this quiz")
        if option >= known[question_id]:
            raise BadRequest.field("answers", f"question {question_id} has {known[question_id]} options, from 0")

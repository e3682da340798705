"""/api/v1/courses: progress. What the courses are is in konnect.courses, enrolling in konnect.course_sales."""

from typing import Any

from konnect import idempotency
from konnect.courses import authoring, catalogue, service
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, NumberedQuery
from konnect.store import Doc

from . import certificates, enrollments, grading, player, progress, quizzes
from .schemas import (
    CourseContent,
    EnrolledCourse,
    EnrolledQuery,
    LectureProgress,
    OpenLecture,
    Progress,
    QuizAnswers,
    QuizResult,
    Student,
)

router = Router("Learning")


@router.get("/api/v1/courses/enrolled", response=Listing[EnrolledCourse])
def list_enrolled(call: Call, query: EnrolledQuery) -> dict[str, Any]:
    """List the caller's courses with their progress, the last used first."""
    found = enrollments.of_learner(
        call.ctx.db,
        call.user.uid,
        status=query.status,
        limit=query.limit,
        cursor=query.cursor,
        number=query.page,
    )
    known = progress.with_courses(call.ctx.db, found.items)
    items = [{**enrollment, "course": catalogue.card(course)} for enrollment, course in known]
    return {"items": items, "nextCursor": found.next_cursor}


@router.get("/api/v1/courses/<course_id>/content", response=CourseContent, auth="public", errors=(404,))
def course_content(call: Call, course_id: str) -> dict[str, Any]:
    """A course for its player: sections, lectures, and quizzes without their answers, with the caller's own progress.
    Everybody sees the titles and may open previews; the rest is for students, the educator and admins. A lecture's
    video or article is at `GET /api/v1/courses/{courseId}/lectures/{lectureId}`.
    """
    visitor = call.visitor
    return call.ctx.run(lambda tx: player.outline(player.seat(tx, course_id, visitor), now=call.now))


@router.get(
    "/api/v1/courses/<course_id>/lectures/<lecture_id>", response=OpenLecture, auth="public", errors=(403, 404, 503)
)
def open_lecture(call: Call, course_id: str, lecture_id: str) -> dict[str, Any]:
    """Open a lecture: its video's signed address (it works for six hours, for a player that fetches pieces), or its
    article, and its resources. Previews are for everybody; 403 NOT_ENROLLED for the rest.
    """
    visitor = call.visitor
    seat = call.ctx.run(lambda tx: player.seat(tx, course_id, visitor))
    return player.lecture(call.ctx, seat, lecture_id, now=call.now)


@router.post("/api/v1/courses/<course_id>/progress", response=Progress, errors=(403, 404), limit="progress")
def update_progress(call: Call, course_id: str, body: LectureProgress) -> dict[str, Any]:
    """Note what became of a lecture. The first time that it is completed gives points; the last lecture, with the
    quizzes that are required, completes the course: points, its certificate, and badges. A repeat changes nothing.
    """
    code = certificates.new_code()
    done = call.ctx.run(
        lambda tx: progress.progress(
            tx,
            course_id,
            call.user.uid,
            body.lecture_id,
            completed=body.completed,
            position_s=body.position_s,
            code=code,
            now=call.now,
        )
    )
    return {**done.enrollment, "pointsEarned": done.points, "courseCompleted": done.is_end}


@router.post(
    "/api/v1/courses/<course_id>/quizzes/<quiz_id>/attempts",
    response=QuizResult,
    status=201,
    errors=(403, 404),
    idempotent=True,
)
def attempt_quiz(call: Call, course_id: str, quiz_id: str, body: QuizAnswers) -> dict[str, Any]:
    """Take a quiz: it is graded here. Five times a day (429 TOO_MANY_ATTEMPTS); 90 % give points, once a quiz."""
    uid, code = call.user.uid, certificates.new_code()
    payload = {"courseId": course_id, "quizId": quiz_id, **body.model_dump(mode="json")}
    key = idempotency.key(uid, "quiz-attempt", call.idempotency_key, payload)
    return call.ctx.run(
        lambda tx: quizzes.attempt(tx, course_id, uid, quiz_id, body.by_question, key=key, code=code, now=call.now)
    )


@router.get("/api/v1/courses/<course_id>/students", response=Listing[Student], errors=(403, 404))
def list_students(call: Call, course_id: str, query: NumberedQuery) -> dict[str, Any]:
    """List a course's students with their progress, the newest first: for its educator and for admins."""
    uid, is_admin = call.user.uid, call.user.role == "admin"
    course = call.ctx.run(lambda tx: service.get(tx, course_id) if is_admin else authoring.own(tx, course_id, uid))
    found = enrollments.of_course(call.ctx.db, course_id, limit=query.limit, cursor=query.cursor, number=query.page)
    return {"items": [_student(grading.current(course, one)) for one in found.items], "nextCursor": found.next_cursor}


def _student(enrollment: Doc) -> dict[str, Any]:
    return {
        **enrollment,
        "userId": enrollment["uid"],
        "name": enrollment["userName"],
        "completedLectures": len(enrollment["completedLectures"]),
        "quizzesPassed": sum(record["passedAt"] is not None for record in enrollment["quizzes"].values()),
    }

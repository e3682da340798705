"""Reviews: /api/{sessions,bookings}/{id}/review, /consult/{id}/review, /api/{experts,mentors}/{id}/reviews,
/api/v1/courses/{id}/reviews, /api/reviews/{id}."""

from collections.abc import Callable
from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery, NumberedQuery
from konnect.store import Doc, Tx

from . import service
from .schemas import AnyReview, CourseReview, NewReport, NewReview, Reply, Report, Review

router = Router("Reviews")


@router.post("/api/sessions/<session_id>/review", response=Review, status=201, errors=(403, 404, 409))
def review_session(call: Call, session_id: str, body: NewReview) -> dict[str, Any]:
    """Review a finished session, as its user. One review a session."""
    return _create(call, lambda tx: service.of_session(tx, session_id, call.user.uid), body)


@router.post("/api/bookings/<booking_id>/review", response=Review, status=201, errors=(403, 404, 409))
def review_booking(call: Call, booking_id: str, body: NewReview) -> dict[str, Any]:
    """Review a booking that is completed, as its student. One review a booking; it is public, on the mentor's page, by
    the student's first name.
    """
    return _create(call, lambda tx: service.of_booking(tx, booking_id, call.user.uid), body)


@router.post("/consult/<consult_id>/review", response=Review, status=201, errors=(403, 404, 409))
def review_consult(call: Call, consult_id: str, body: NewReview) -> dict[str, Any]:
    """Review a consult that has taken place, as its user. One review a consult."""
    return _create(call, lambda tx: service.of_consult(tx, consult_id, call.user.uid), body)


@router.post("/api/v1/courses/<course_id>/reviews", response=CourseReview, status=201, errors=(403, 404, 409))
def review_course(call: Call, course_id: str, body: NewReview) -> dict[str, Any]:
    """Review a course, as its student, after the first lecture or quiz. One review a student; it is public, by the
    student's first name, and counts for the course's rating.
    """
    return _create(call, lambda tx: service.of_course(tx, course_id, call.user.uid), body)


@router.get("/api/v1/courses/<course_id>/reviews", response=Listing[CourseReview], auth="public", errors=(404,))
def list_course_reviews(call: Call, course_id: str, query: NumberedQuery) -> dict[str, Any]:
    """List a course's reviews, newest first."""
    found = service.of_courses(call.ctx, course_id, limit=query.limit, cursor=query.cursor, number=query.page)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/experts/<expert_id>/reviews", response=Listing[Review], auth="public", errors=(404,))
def list_reviews(call: Call, expert_id: str, query: ListQuery) -> dict[str, Any]:
    """List an expert's reviews, newest first."""
    found = service.listed(call.ctx.db, expert_id, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/mentors/<mentor_id>/reviews", response=Listing[Review], errors=(404,))
def list_mentor_reviews(call: Call, mentor_id: str, query: NumberedQuery) -> dict[str, Any]:
    """List a mentor's reviews, newest first."""
    found = service.listed(call.ctx.db, mentor_id, limit=query.limit, cursor=query.cursor, number=query.page)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.post("/api/reviews/<review_id>/reply", response=AnyReview, errors=(403, 404))
def reply_to_review(call: Call, review_id: str, body: Reply) -> dict[str, Any]:
    """Reply to a review, as the expert who was reviewed, or the educator whose course was. Sent again, the reply is
    edited."""
    return call.ctx.run(lambda tx: service.reply(tx, review_id, call.user.uid, body.reply, now=call.now))


@router.post("/api/reviews/<review_id>/report", response=Report, status=201, errors=(404,))
def report_review(call: Call, review_id: str, body: NewReport) -> dict[str, Any]:
    """Report a review to the admins. Once a user: a repeat changes nothing."""
    return call.ctx.run(lambda tx: service.report(tx, review_id, call.user.uid, body.reason, now=call.now))


def _create(call: Call, subject: Callable[[Tx], service.Subject], body: NewReview) -> Doc:
    return call.ctx.run(
        lambda tx: service.create(tx, subject(tx), rating=body.rating, comment=body.comment, now=call.now)
    )

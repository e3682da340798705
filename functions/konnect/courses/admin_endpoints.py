"""/api/v1/admin/courses: deciding which courses are sold."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import catalogue, moderation, repository
from .schemas import Decision, ModerationQuery, OwnCourseCard

router = Router("Admin")


@router.get("/api/v1/admin/courses", response=Listing[OwnCourseCard], auth="admin")
def courses_to_decide(call: Call, query: ModerationQuery) -> dict[str, Any]:
    """List courses of one status, the last changed first: those that wait for a decision, unless asked otherwise."""
    found = repository.with_status(call.ctx.db, query.status, limit=query.limit, cursor=query.cursor)
    return {"items": [catalogue.card(course) for course in found.items], "nextCursor": found.next_cursor}


@router.put("/api/v1/admin/courses/<course_id>/status", response=OwnCourseCard, auth="admin", errors=(404, 409))
def decide_course(call: Call, course_id: str, body: Decision) -> dict[str, Any]:
    """Approve a submitted course, reject it with the reason, or take a published one off sale; feature one.

    The educator is told. 409: INVALID_TRANSITION names what is allowed, COURSE_INCOMPLETE what is missing; also
    COURSE_CHANGED, EDUCATOR_CLOSED.
    """
    course = call.ctx.run(
        lambda tx: moderation.decide(
            tx,
            course_id,
            body.status,
            featured=body.is_featured,
            reason=body.reason,
            looked_at=body.updated_at,
            by=call.user.uid,
            now=call.now,
        )
    )
    return catalogue.card(course)

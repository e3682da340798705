"""What admins decide of courses: which are sold, and which are featured."""

from datetime import datetime
from typing import Literal

from konnect import audit, clock
from konnect.errors import Conflict
from konnect.experts import educators
from konnect.gamification import service as gamification
from konnect.notifications import service as notifications
from konnect.store import Doc, Tx

from . import repository, sections, service, transitions


def decide(
    tx: Tx,
    course_id: str,
    status: Literal["published", "rejected", "archived"] | None,
    *,
    featured: bool | None = None,
    reason: str | None = None,
    looked_at: datetime | None = None,
    by: str,
    now: datetime,
) -> Doc:
    """Move a course, or feature it; audited, and its educator is told of approval and rejection. The same again changes
    nothing. `looked_at`: the `updatedAt`, to the millisecond, of what was decided on. Returns the course.

    Raises NotFound (COURSE_NOT_FOUND), Conflict (INVALID_TRANSITION; COURSE_CHANGED since it was looked at; to publish:
    COURSE_INCOMPLETE, EDUCATOR_CLOSED; NOT_PUBLISHED to feature what is not on sale).
    """
    tx.prefetch(repository.path(course_id), repository.review_path(course_id))
    course = service.get(tx, course_id)
    changed: Doc = {}
    if status is not None and status != course["status"]:
        transitions.check(course["status"], status, transitions.ADMIN)
        changed["status"] = status
        if status == "published":
            _check_sellable(tx, course)
            changed["publishedAt"] = course["publishedAt"] or now
        if status != "published" and course["isFeatured"]:
            changed["isFeatured"] = False
    after = {**course, **changed}
    if featured is not None and featured != after["isFeatured"]:
        if featured and after["status"] != "published":
            raise Conflict("only a published course is featured", code="NOT_PUBLISHED")
        changed["isFeatured"] = featured
    if not changed:
        return course
    if looked_at is not None and looked_at != clock.to_millisecond(course["updatedAt"]):
        raise Conflict("the course has been changed since: look at it again", code="COURSE_CHANGED")
    tx.update(repository.path(course_id), {**changed, "updatedAt": now})
    if "status" in changed:
        tx.set(repository.review_path(course_id), {"reason": reason, "decidedBy": by, "decidedAt": now})
        _tell(tx, course, changed["status"], reason, now)
    audit.write(
        tx,
        actor=by,
        action=f"course.{changed['status']}" if "status" in changed else "course.featured",
        target=f"courses/{course_id}",
        before={name: course[name] for name in changed},
        after=changed,
        reason=reason,
        now=now,
    )
    return {**course, **changed, "updatedAt": now}


def _check_sellable(tx: Tx, course: Doc) -> None:
    """One that was rejected, and may be published all the same, has been open to changes meanwhile."""
    if educators.find(tx, course["instructor"]["uid"]) is None:
        raise Conflict("its educator's account is closed, or they are no educator", code="EDUCATOR_CLOSED")
    if problems := sections.missing(course, repository.content(tx, course["id"])):
        raise Conflict("the course is not complete", code="COURSE_INCOMPLETE", details=problems)


def _tell(tx: Tx, course: Doc, status: str, reason: str | None, now: datetime) -> None:
    uid, data = course["instructor"]["uid"], {"courseId": course["id"], "courseTitle": course["title"]}
    if status == "published":
        gamification.earn_badge(tx, uid, "course_creator", now=now)
        notifications.notify(
            tx,
            uid,
            "course_approved",
            about=(course["id"], now),
            title="Your course is published",
            body=f"{course['title']} can be found and enrolled in.",
            data=data,
            now=now,
        )
    elif status == "rejected":
        was = "taken off sale" if course["status"] == "published" else "not approved"
        notifications.notify(
            tx,
            uid,
            "course_rejected",
            about=(course["id"], now),
            title=f"Your course was {was}",
            body=f"{course['title']}: {reason}",
            data={**data, "reason": reason},
            now=now,
        )

"""/api/v1/courses: the catalogue, and what educators do with their courses."""

from typing import Any

from konnect import idempotency, ids
from konnect.auth import Principal
from konnect.experts import educators
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery
from konnect.money import to_paise
from konnect.store import Doc, Tx

from . import authoring, catalogue, media, repository, search, sections, service
from .schemas import Course, CourseCard, CourseEdit, CoursesQuery, NewCourse, OwnCourse, OwnCourseCard, RemovedCourse

router = Router("Courses")
BODY_MAX = 2_500_000
"""Bytes: what two documents of sections.BYTES_MAX hold, with the names that JSON repeats."""


@router.get("/api/v1/courses", response=Listing[CourseCard], auth="public")
def list_courses(call: Call, query: CoursesQuery) -> dict[str, Any]:
    """List published courses: filtered and sorted. A change of a course shows within moments."""
    return _found(call, query, query.sort or "newest")


@router.get("/api/v1/courses/search", response=Listing[CourseCard], auth="public")
def search_courses(call: Call, query: CoursesQuery) -> dict[str, Any]:
    """Search published courses by words, the most popular first unless asked otherwise. Filters as in the list."""
    return _found(call, query, query.sort or "popular")


@router.get("/api/v1/courses/featured", response=Listing[CourseCard], auth="public")
def featured_courses(call: Call, query: ListQuery) -> dict[str, Any]:
    """The courses that the admins feature, the most popular first."""
    criteria = search.Criteria(featured=True, sort="popular")
    return _listing(catalogue.find(call.ctx.db, criteria, limit=query.limit, cursor=query.cursor))


@router.get("/api/v1/courses/popular", response=Listing[CourseCard], auth="public")
def popular_courses(call: Call, query: ListQuery) -> dict[str, Any]:
    """The courses that most have enrolled in."""
    criteria = search.Criteria(sort="popular")
    return _listing(catalogue.find(call.ctx.db, criteria, limit=query.limit, cursor=query.cursor))


@router.get("/api/v1/courses/my-courses", response=Listing[OwnCourseCard], errors=(403,))
def my_courses(call: Call, query: ListQuery) -> dict[str, Any]:
    """The caller's own courses in every status, the last changed first."""
    uid = call.user.uid
    call.ctx.run(lambda tx: educators.require(tx, uid))
    found = repository.of_instructor(call.ctx.db, uid, limit=query.limit, cursor=query.cursor)
    return {"items": [catalogue.card(course) for course in found.items], "nextCursor": found.next_cursor}


@router.get("/api/v1/courses/<course_id>", response=Course, auth="public", errors=(404,))
def one_course(call: Call, course_id: str) -> dict[str, Any]:
    """A published course's page: everything but what its lectures and quizzes contain."""

    def look(tx: Tx) -> Doc:
        # Without a lock: who looks at a course must not be in the way of who enrols.
        tx.peek(repository.path(course_id))
        return service.published(tx, course_id)

    return catalogue.card(call.ctx.run(look))


@router.get("/api/v1/courses/<course_id>/authoring", response=OwnCourse, errors=(403, 404))
def course_to_edit(call: Call, course_id: str) -> dict[str, Any]:
    """A course in any status with all that is in it, answers of its quizzes too: for its educator, and for admins, who
    decide on it. Its files are read by `GET /api/uploads/{id}`."""
    user = call.user
    return catalogue.card(call.ctx.run(lambda tx: authoring.whole(tx, course_id, user.uid, role=user.role)))


@router.post(
    "/api/v1/courses",
    response=OwnCourse,
    status=201,
    errors=(403, 409, 503),
    idempotent=True,
    max_body_bytes=BODY_MAX,
)
def create_course(call: Call, body: NewCourse) -> dict[str, Any]:
    """Begin a course as a draft; with `status: "pending"` it is submitted for review at once. For educators: who has
    applied may write, an admin decides on each course.
    """
    given, files = _given(call, call.user, body, kept={})
    key = idempotency.key(call.user.uid, "course", call.idempotency_key, body.model_dump(mode="json"))
    uid, course_id, now = call.user.uid, ids.new(), call.now
    return catalogue.card(call.ctx.run(lambda tx: authoring.create(tx, uid, course_id, given, files, key=key, now=now)))


@router.put("/api/v1/courses/<course_id>", response=OwnCourse, errors=(403, 404, 409, 503), max_body_bytes=BODY_MAX)
def edit_course(call: Call, course_id: str, body: CourseEdit) -> dict[str, Any]:
    """Change one's own course. A published one changes at once, its price for whoever enrols from now on.

    Submitted, and published, a course needs a description, a category, a lecture, and something in each lecture and
    quiz: 400 names what is missing.
    """
    uid, now = call.user.uid, call.now
    before = call.ctx.run(lambda tx: _content(tx, course_id, uid))
    given, files = _given(call, call.user, body, kept=sections.uploads_of(before))
    return catalogue.card(call.ctx.run(lambda tx: authoring.edit(tx, course_id, uid, given, files, now=now)))


@router.delete("/api/v1/courses/<course_id>", response=RemovedCourse, errors=(403, 404))
def remove_course(call: Call, course_id: str) -> dict[str, Any]:
    """Take a course away: one that was never published is deleted, any other is archived; its students keep it."""
    deleted = call.ctx.run(lambda tx: authoring.remove(tx, course_id, call.user.uid, now=call.now))
    return {"id": course_id, "deleted": deleted, "status": None if deleted else "archived"}


def _content(tx: Tx, course_id: str, uid: str) -> Doc:
    authoring.own(tx, course_id, uid)
    return service.content(tx, course_id)


def _given(call: Call, user: Principal, body: CourseEdit, *, kept: dict[str, str]) -> tuple[Doc, media.Files]:
    """What was sent, with its files looked at and its parts numbered."""
    given = body.model_dump(by_alias=True, exclude_unset=True)
    given, files = media.checked(call.ctx, user.uid, given, kept=kept, now=call.now)
    if "sections" in given:
        given["sections"] = sections.numbered(given["sections"], ids.new)
    return given, files


def _found(call: Call, query: CoursesQuery, sort: search.Sort) -> dict[str, Any]:
    least = to_paise(query.min_price) if query.min_price is not None else None
    most = to_paise(query.max_price) if query.max_price is not None else None
    if query.price == "paid":
        least = max(least or 0, 1)
    elif query.price == "free":
        most = 0
    criteria = search.Criteria(
        search=query.search,
        category=query.category,
        level=query.level,
        language=query.language,
        instructor=query.instructor,
        min_rating=query.rating,
        min_price_paise=least,
        max_price_paise=most,
        sort=sort,
    )
    return _listing(catalogue.find(call.ctx.db, criteria, limit=query.limit, cursor=query.cursor, number=query.page))


def _listing(found: Any) -> dict[str, Any]:
    return {"items": found.items, "nextCursor": found.next_cursor}

"""courses/{id}: {title, slug, description, category, level, language, tags, thumbnailUrl, price, pricePaise,
instructor: {id (the expert's), uid, name, imageUrl}, sections: [{id, title, lectures: [{id, title, kind: video |
article, durationS, isPreview}], quizzes: [{id, title, questionCount, passingPercent}]}], hasCertificate, totalLectures,
totalDurationS, enrolledCount, rating, ratingSum, reviewCount, isFeatured, status: draft | pending | published |
rejected | archived, submittedAt, publishedAt (of the first time), createdAt, updatedAt}. Public while it is published.

courses/{id}/private/content, which no client reads: {lectures: {id: {videoUploadId, videoUrl, article, resources:
[{title, url, uploadId}]}}, quizzes: {id: {questions: [{id, text, options, answer (the right option's index)}],
passingPercent}}, certificate: {isOffered, quizzesRequired}, thumbnailUploadId (if the thumbnail is ours)}; of a
lecture's three contents one is there, the others are null, as of a resource's two.

courses/{id}/private/review, for its educator and the admins: {reason, decidedBy, decidedAt} of the last decision.
"""

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "courses"
SHOWN = (
    "title",
    "slug",
    "category",
    "level",
    "language",
    "tags",
    "thumbnailUrl",
    "price",
    "pricePaise",
    "instructor",
    "hasCertificate",
    "totalLectures",
    "totalDurationS",
    "enrolledCount",
    "rating",
    "reviewCount",
    "isFeatured",
    "status",
    "publishedAt",
    "updatedAt",
)
LISTED = (*SHOWN, "description", "submittedAt", "createdAt")
"""Of a course in a list: without its sections, which are up to 900 kB of each."""
STATUSES = ("draft", "pending", "published", "rejected", "archived")
NO_CONTENT: Doc = {
    "lectures": {},
    "quizzes": {},
    "certificate": {"isOffered": True, "quizzesRequired": True},
}


def path(course_id: str) -> tuple[str, ...]:
    return (COLLECTION, course_id)


def content_path(course_id: str) -> tuple[str, ...]:
    return (COLLECTION, course_id, "private", "content")


def review_path(course_id: str) -> tuple[str, ...]:
    return (COLLECTION, course_id, "private", "review")


def find(tx: Tx, course_id: str) -> Doc | None:
    """A course in any status."""
    course = tx.get(*path(course_id))
    return None if course is None else {**course, "id": course_id}


def content(tx: Tx, course_id: str) -> Doc:
    return {**NO_CONTENT, **(tx.get(*content_path(course_id)) or {})}


def review(tx: Tx, course_id: str) -> Doc:
    return tx.get(*review_path(course_id)) or {}


def of_instructor(db: Database, uid: str, *, limit: int, cursor: str | None = None) -> Page:
    """An educator's own courses (LISTED) in every status, the last changed first."""
    query = Query((COLLECTION,), order=(("updatedAt", "desc"),), fields=LISTED).filter("instructor.uid", "==", uid)
    return page(db, query, limit=limit, cursor=cursor)


def with_status(db: Database, status: str, *, limit: int, cursor: str | None = None) -> Page:
    """Courses (LISTED) of one status, the last changed first."""
    query = Query((COLLECTION,), order=(("updatedAt", "desc"),), fields=LISTED).filter("status", "==", status)
    return page(db, query, limit=limit, cursor=cursor)


def not_found() -> NotFound:
    return NotFound("there is no such course", code="COURSE_NOT_FOUND")

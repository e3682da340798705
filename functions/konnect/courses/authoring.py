"""Courses as their educators write them: from the draft to what is submitted, changed on sale, and taken off it.

A published course changes at once, its price too (what was paid stays paid): an admin has looked at who teaches what,
and can take a course off sale at any time.
"""

from datetime import datetime
from typing import Any

from konnect import idempotency
from konnect.contacts import masked
from konnect.errors import BadRequest, Conflict, Forbidden
from konnect.experts import educators, slugs
from konnect.money import rupees, to_paise
from konnect.platform import platform_config
from konnect.store import Doc, Query, Tx

from . import media, repository, sections, service, transitions
from .media import Files

OWN_MAX = 300
"""Of one educator, in every status."""
TEXTS = ("title", "description")
FIELDS = (*TEXTS, "category", "level", "language", "tags", "thumbnailUrl")
DEFAULTS: Doc = {
    "description": "",
    "category": "",
    "level": "all",
    "language": "English",
    "tags": [],
    "thumbnailUrl": None,
    "price": 0,
    "pricePaise": 0,
    "sections": [],
    "hasCertificate": True,
    "totalLectures": 0,
    "totalDurationS": 0,
    "enrolledCount": 0,
    "rating": 0,
    "ratingSum": 0,
    "reviewCount": 0,
    "isFeatured": False,
    "status": "draft",
    "submittedAt": None,
    "publishedAt": None,
}


def create(
    tx: Tx, uid: str, course_id: str, given: Doc, files: Files, *, key: idempotency.Key | None, now: datetime
) -> Doc:
    """Begin a course, or submit it at once. `given`: the fields sent, their files looked at (media.checked), their
    parts numbered (sections.numbered). Returns it whole (`whole`).

    Raises Forbidden (EDUCATOR_REQUIRED), BadRequest, Conflict (TOO_MANY_COURSES, INVALID_TRANSITION).
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return whole(tx, answered["courseId"], uid)
    expert = educators.require(tx, uid)
    if tx.count(Query((repository.COLLECTION,)).filter("instructor.uid", "==", uid)) >= OWN_MAX:
        raise Conflict(f"an educator has at most {OWN_MAX} courses", code="TOO_MANY_COURSES")
    empty: Doc = {
        **DEFAULTS,
        "id": course_id,
        "title": given["title"],
        "slug": "",
        "instructor": {"id": expert["id"], "uid": uid, "name": expert["name"], "imageUrl": expert.get("imageUrl")},
        "createdAt": now,
    }
    course, content = _changed(tx, empty, repository.NO_CONTENT, given, files, now=now)
    tx.create(repository.path(course_id), {name: value for name, value in course.items() if name != "id"})
    tx.create(repository.content_path(course_id), content)
    idempotency.record(tx, key, {"courseId": course_id}, now=now)
    return _joined(course, content, {})


def edit(tx: Tx, course_id: str, uid: str, given: Doc, files: Files, *, now: datetime) -> Doc:
    """Change one's own course. `given` as for `create`; what it leaves out stays. Returns it whole.

    Raises NotFound (COURSE_NOT_FOUND), Forbidden (NOT_YOUR_COURSE, EDUCATOR_REQUIRED), BadRequest, Conflict
    (INVALID_TRANSITION).
    """
    tx.prefetch(repository.path(course_id), repository.content_path(course_id), repository.review_path(course_id))
    before, inside = own(tx, course_id, uid), repository.content(tx, course_id)
    educators.require(tx, uid)
    course, content = _changed(tx, before, inside, given, files, now=now)
    changed = {name: value for name, value in course.items() if value != before.get(name)}
    tx.update(repository.path(course_id), {**changed, "updatedAt": now})
    if content != inside:
        tx.set(repository.content_path(course_id), content)
    return _joined(course, content, repository.review(tx, course_id))


def remove(tx: Tx, course_id: str, uid: str, *, now: datetime) -> bool:
    """Delete a course that was never published, else archive it: it stays its students'. Returns whether it is deleted.

    Raises NotFound (COURSE_NOT_FOUND), Forbidden (NOT_YOUR_COURSE).
    """
    course = own(tx, course_id, uid)
    if course["publishedAt"] is None:
        erase(tx, course_id, now=now)
        return True
    archive(tx, course, now=now)
    return False


def archive(tx: Tx, course: Doc, *, now: datetime) -> None:
    if course["status"] != "archived":
        tx.update(repository.path(course["id"]), {"status": "archived", "isFeatured": False, "updatedAt": now})


def erase(tx: Tx, course_id: str, *, now: datetime) -> None:
    """Delete a course that nobody has enrolled in, with all that is in it."""
    media.adopt(tx, course_id, repository.content(tx, course_id), repository.NO_CONTENT, {}, now=now)
    for path in (repository.content_path(course_id), repository.review_path(course_id), repository.path(course_id)):
        tx.delete(path)


def own(tx: Tx, course_id: str, uid: str) -> Doc:
    """One's own course, in any status. Raises NotFound (COURSE_NOT_FOUND), Forbidden (NOT_YOUR_COURSE)."""
    course = service.get(tx, course_id)
    if course["instructor"]["uid"] != uid:
        # What is not on sale is nobody else's to know of.
        if course["status"] != "published":
            raise repository.not_found()
        raise Forbidden("this is the course of somebody else", code="NOT_YOUR_COURSE")
    return course


def whole(tx: Tx, course_id: str, uid: str, *, role: str = "user") -> Doc:
    """A course with all that is in it, answers too, for its educator and for admins. Raises as `own` does."""
    tx.prefetch(repository.path(course_id), repository.content_path(course_id), repository.review_path(course_id))
    course = service.get(tx, course_id) if role == "admin" else own(tx, course_id, uid)
    return _joined(course, repository.content(tx, course_id), repository.review(tx, course_id))


def _joined(course: Doc, content: Doc, review: Doc) -> Doc:
    return {
        **course,
        "sections": sections.joined(course, content),
        "certificate": content["certificate"],
        "rejectionReason": review.get("reason") if course["status"] == "rejected" else None,
    }


def _changed(tx: Tx, course: Doc, content: Doc, given: Doc, files: Files, *, now: datetime) -> tuple[Doc, Doc]:
    """The course and its content as they are with what is `given`; its files are this course's from now on."""
    fields: dict[str, Any] = {name: given[name] for name in FIELDS if name in given}
    if platform_config(tx.db).maskContacts != "nowhere":
        fields |= {name: masked(fields[name]) for name in TEXTS if name in fields}
        given = {**given, **({"sections": _titles_masked(given["sections"])} if "sections" in given else {})}
    if "price" in given:
        price_paise = to_paise(given["price"])
        fields |= {"price": rupees(price_paise), "pricePaise": price_paise}
    inside = {**content, **{name: given[name] for name in ("thumbnailUploadId",) if name in given}}
    if "certificate" in given:
        inside["certificate"] = {**content["certificate"], **given["certificate"]}
        fields["hasCertificate"] = inside["certificate"]["isOffered"]
    if "sections" in given:
        outline = sections.build(given["sections"], course["sections"], content)
        inside |= {"lectures": outline.lectures, "quizzes": outline.quizzes}
        fields |= {
            "sections": outline.sections,
            "totalLectures": len(outline.lectures),
            "totalDurationS": outline.total_duration_s,
        }
    after = {**course, **fields, "updatedAt": now}
    after["slug"] = slugs.of_name(after["title"], nameless="course")
    wanted = str(given.get("status", course["status"]))
    if wanted != course["status"]:
        transitions.check(course["status"], wanted, transitions.EDUCATOR)
        after["status"] = wanted
        if wanted == "pending":
            after["submittedAt"] = now
        if wanted == "archived":
            after["isFeatured"] = False
    if after["status"] in transitions.WHOLE and (problems := sections.missing(after, inside)):
        raise BadRequest("; ".join(f"{one['field']}: {one['message']}" for one in problems[:3]), details=problems)
    media.adopt(tx, course["id"], content, inside, files, now=now)
    return after, inside


def _titles_masked(given: list[Doc]) -> list[Doc]:
    """Everybody reads what the parts of a course are called."""

    def titled(part: Doc) -> Doc:
        return {**part, "title": masked(part["title"])}

    return [
        {
            **titled(section),
            "lectures": [titled(lecture) for lecture in section["lectures"]],
            "quizzes": [titled(quiz) for quiz in section["quizzes"]],
        }
        for section in given
    ]

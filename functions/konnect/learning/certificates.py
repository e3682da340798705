"""certificates/{code}: proof that somebody has completed a course; its code can't be guessed, and is all that whoever
checks one needs to know. No client reads the documents.

{enrollmentId, courseId, courseTitle, uid, userName, instructorUid, instructorName, completedAt, issuedAt, status:
valid | revoked, revokedAt, revokeReason, updatedAt}.
"""

from datetime import datetime

from konnect import ids
from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

CODE_SIZE = 16
"""Of Crockford's base 32: 80 bits."""
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new_code() -> str:
    return ids.crockford(CODE_SIZE)


def normal_code(given: str) -> str:
    """A code as somebody may have typed it off a printed certificate: groups, small letters, letters for digits."""
    return given.replace("-", "").upper().translate(_ALIKE)


def shown_code(code: str) -> str:
    """In groups of four, as it is printed."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def issue(tx: Tx, code: str, course: Doc, enrollment: Doc, *, now: datetime) -> Doc:
    """The certificate of an enrolment that has just been completed; the caller notes its code there. `code`: a new one
    of `new_code`."""
    certificate: Doc = {
        "enrollmentId": enrollment["id"],
        "courseId": course["id"],
        "courseTitle": course["title"],
        "uid": enrollment["uid"],
        # By the name of today, not by that of the enrolment.
        "userName": (tx.get("users", enrollment["uid"]) or {}).get("name") or enrollment["userName"],
        "instructorUid": course["instructor"]["uid"],
        "instructorName": course["instructor"]["name"] or "Educator",
        "completedAt": now,
        "issuedAt": now,
        "status": "valid",
        "revokedAt": None,
        "revokeReason": None,
        "updatedAt": now,
    }
    tx.create(("certificates", code), certificate)
    return {**certificate, "id": code}


def revoke(tx: Tx, code: str, *, reason: str, now: datetime) -> None:
    """It proves nothing any more. A repeat changes nothing."""
    if (tx.get("certificates", code) or {}).get("status") == "valid":
        changed = {"status": "revoked", "revokedAt": now, "revokeReason": reason, "updatedAt": now}
        tx.update(("certificates", code), changed)


def restore(tx: Tx, code: str, *, now: datetime) -> None:
    """The course was bought again: what has been learned counts again."""
    if (tx.get("certificates", code) or {}).get("status") == "revoked":
        changed = {"status": "valid", "revokedAt": None, "revokeReason": None, "updatedAt": now}
        tx.update(("certificates", code), changed)


def find(db: Database, given: str) -> Doc:
    """By its code, as it was typed. Raises NotFound (CERTIFICATE_NOT_FOUND)."""
    code = normal_code(given)
    found = db.get("certificates", code) if ids.valid(code) else None
    if found is None:
        raise NotFound("there is no such certificate", code="CERTIFICATE_NOT_FOUND")
    return {**found, "id": code}


def of_learner(db: Database, uid: str, *, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """A learner's, the newest first, those that were revoked among them."""
    query = Query(("certificates",), order=(("issuedAt", "desc"),)).filter("uid", "==", uid)
    return page(db, query, limit=limit, cursor=cursor, number=number)

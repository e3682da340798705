"""What a deleted account leaves behind of learning: enrolments that name nobody, and no certificates of theirs."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.store import Doc, Query, Tx


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """Put `name` in the place of the learner's own, and of the instructor's on the certificates of others. Can be
    repeated."""
    for enrollment in Query(("enrollments",)).filter("uid", "==", uid).stream(ctx.db):
        if enrollment["userName"] != name:
            ctx.run(partial(_forget, enrollment_id=enrollment["id"], name=name, now=now))
    for certificate in Query(("certificates",)).filter("uid", "==", uid).stream(ctx.db):
        ctx.run(partial(_delete, code=certificate["id"]))
    for certificate in Query(("certificates",)).filter("instructorUid", "==", uid).stream(ctx.db):
        if certificate["instructorName"] != name:
            ctx.run(partial(_rename, code=certificate["id"], name=name, now=now))


def _forget(tx: Tx, *, enrollment_id: str, name: str, now: datetime) -> None:
    # What was bought stays, as the payment does; when they came and what they looked at does not.
    if tx.get("enrollments", enrollment_id) is not None:
        gone: Doc = {"userName": name, "certificateId": None, "positions": {}, "quizzes": {}, "lastLectureId": None}
        tx.update(("enrollments", enrollment_id), {**gone, "updatedAt": now})


def _delete(tx: Tx, *, code: str) -> None:
    tx.delete(("certificates", code))


def _rename(tx: Tx, *, code: str, name: str, now: datetime) -> None:
    if tx.get("certificates", code) is not None:
        tx.update(("certificates", code), {"instructorName": name, "updatedAt": now})

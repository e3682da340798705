"""Firestore triggers of courses."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import catalogue, repository, withdrawal

BATCH = 100


def on_course_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on courses/{courseId}: its listing."""
    ctx.run(lambda tx: catalogue.refresh(tx, change.params["courseId"]))


def on_educator_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on experts/{expertId}: the name and the photo that the courses show of their educator; they go off sale
    when they are an educator no more."""
    before, after = change.before, change.after
    if before is None or not before["firebaseUid"]:
        return
    if after is None or after["mentorStatus"] == "rejected":
        withdrawal.withdraw(ctx, {"uid": before["firebaseUid"]}, now)
        return
    if not after["firebaseUid"] or all(before.get(name) == after.get(name) for name in ("name", "imageUrl")):
        return
    cursor = None
    while True:
        found = repository.of_instructor(ctx.db, after["firebaseUid"], limit=BATCH, cursor=cursor)
        for course in found.items:
            ctx.run(partial(_show, course_id=course["id"], expert_id=change.params["expertId"]))
        cursor = found.next_cursor
        if cursor is None:
            return


def _show(tx: Tx, *, course_id: str, expert_id: str) -> None:
    """As the profile is by now, so that events in any order come to the same."""
    course, expert = repository.find(tx, course_id), tx.get("experts", expert_id)
    if course is None or expert is None or course["instructor"]["id"] != expert_id:
        return
    instructor = {**course["instructor"], "name": expert["name"], "imageUrl": expert.get("imageUrl")}
    if instructor != course["instructor"]:
        # Without another updatedAt: the course itself has not changed.
        tx.update(repository.path(course_id), {"instructor": instructor})

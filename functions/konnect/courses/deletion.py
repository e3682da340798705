"""What a deleted account leaves behind here: the courses that others have enrolled in, off sale and without its name.
What they are made of was given to their students, and stays with them."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.store import Query, Tx

from . import authoring, repository

BATCH = 100


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """Archive an educator's courses that have students, under `name`, and delete the others. To be done before their
    files are erased, of which the courses that are left keep theirs. Can be repeated."""
    cursor = None
    while True:
        found = repository.of_instructor(ctx.db, uid, limit=BATCH, cursor=cursor)
        for course in found.items:
            ctx.run(partial(_leave, course_id=course["id"], name=name, now=now))
        cursor = found.next_cursor
        if cursor is None:
            break


def _leave(tx: Tx, *, course_id: str, name: str, now: datetime) -> None:
    course = repository.find(tx, course_id)
    if course is None:
        return
    if not tx.query(Query(("enrollments",), (("courseId", "==", course_id),), limit=1)):
        authoring.erase(tx, course_id, now=now)
        return
    authoring.archive(tx, course, now=now)
    nobody = {**course["instructor"], "name": name, "imageUrl": None}
    if course["instructor"] != nobody:
        tx.update(repository.path(course_id), {"instructor": nobody, "updatedAt": now})

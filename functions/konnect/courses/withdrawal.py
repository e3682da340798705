"""What somebody sells who is no educator any more: the account is closed, the application rejected, the profile gone.

It is archived, so its students keep it. Whoever is an educator again submits it again.
"""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.experts import educators
from konnect.store import Tx
from konnect.tasks import Task

from . import authoring, repository

WITHDRAW = "/courses/withdraw"
BATCH = 100


def schedule(tx: Tx, uid: str, *, now: datetime) -> None:
    """Take off sale, soon, what somebody sells whose account is closed."""
    tx.enqueue(Task(WITHDRAW, ("withdraw-courses", uid, now.isoformat()), {"uid": uid}))


def withdraw(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: theirs go off sale, unless they are an educator by now. Can be repeated."""
    cursor = None
    while True:
        found = repository.of_instructor(ctx.db, payload["uid"], limit=BATCH, cursor=cursor)
        for course in found.items:
            if course["status"] == "published":
                ctx.run(partial(_withdraw, course_id=course["id"], now=now))
        cursor = found.next_cursor
        if cursor is None:
            return


def _withdraw(tx: Tx, *, course_id: str, now: datetime) -> None:
    course = repository.find(tx, course_id)
    if course is None or course["status"] != "published":
        return
    if educators.find(tx, course["instructor"]["uid"]) is None:
        authoring.archive(tx, course, now=now)

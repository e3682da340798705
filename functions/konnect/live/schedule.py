"""What is due with a class: one task at a time for its course, named by the class and its moment, with `nextActionAt`
for the sweep; and the tasks that tell all who are concerned, a page at a time (tasks.py)."""

from datetime import datetime
from typing import Literal

from konnect import clock
from konnect.store import Doc, Tx
from konnect.tasks import FURTHEST_AHEAD, Task

PROGRESS, TELL, CLOSE, CANCEL_ALL = "/live/progress", "/live/tell", "/live/close", "/live/cancel-all"
What = Literal["scheduled", "moved", "cancelled", "reminder"]
To = Literal["students", "participants"]


def pending(tx: Tx, session: Doc, now: datetime) -> None:
    """Schedule what is due next, again, whoever asks: what a crash left out is made good."""
    if session["nextActionAt"] is None:
        return
    at = min(session["nextActionAt"], now + FURTHEST_AHEAD)
    payload = {"sessionId": session["id"], "due": at.isoformat()}
    tx.enqueue(Task(PROGRESS, ("live", session["id"], at.isoformat()), payload, at))


def tell(tx: Tx, session: Doc, what: What, about: datetime) -> None:
    """Tell those who have a place, and of what concerns a course's class its students too. `about`: the time that is
    told of."""
    audiences: tuple[To, ...] = ("participants",)
    if what == "scheduled":
        audiences = ("students",)
    elif what != "reminder" and session["courseId"] is not None:
        audiences = ("participants", "students")
    for to in audiences:
        tx.enqueue(page(session, what, to, clock.iso(about), None))


def page(session: Doc, what: str, to: str, about: str, cursor: str | None) -> Task:
    """The page of those to be told that begins at `cursor`."""
    # `moves`, since it may come to a time that it has had before.
    payload = {
        "sessionId": session["id"],
        "moves": session["moves"],
        "what": what,
        "to": to,
        "about": about,
        "cursor": cursor,
    }
    return Task(TELL, ("live-tell", *payload.values()), payload)


def closing(tx: Tx, session: Doc) -> None:
    """It has ended: who was there is written down, and counted."""
    tx.enqueue(Task(CLOSE, ("live-close", session["id"]), {"sessionId": session["id"]}))


def cancel_all(tx: Tx, uid: str, *, now: datetime) -> None:
    """Call off, soon, the classes of somebody whose account is closed."""
    tx.enqueue(Task(CANCEL_ALL, ("cancel-live", uid, now.isoformat()), {"uid": uid}))

"""What people are notified of; each once."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx

_BY_PLATFORM = {
    "host-no-show": "its host did not come",
    "host-closed": "its host's account is closed",
    "admin-cancelled": "the platform has called it off",
}


def scheduled(tx: Tx, session: Doc, uid: str, *, now: datetime) -> None:
    """A student of its course."""
    of = f" of {session['courseTitle']}" if session["courseTitle"] else ""
    body = f"{session['host']['name']} teaches “{session['title']}”{of} live on {_when(session)}. Take a place to join."
    _tell(tx, session, uid, "live_scheduled", "A live class is planned", body, (_at(session),), now)


def moved(tx: Tx, session: Doc, uid: str, *, now: datetime) -> None:
    body = f"The live class “{session['title']}” with {session['host']['name']} is now on {_when(session)}."
    _tell(tx, session, uid, "live_scheduled", "A live class was moved", body, (_at(session),), now)


def cancelled(tx: Tx, session: Doc, uid: str, *, now: datetime) -> None:
    why = _BY_PLATFORM.get(session["endReason"]) or session["cancellationReason"]
    body = f"The live class “{session['title']}” on {_when(session)} is cancelled{f': {why}' if why else ''}."
    _tell(tx, session, uid, "live_cancelled", "A live class is cancelled", body, (), now, reason=why)


def reminder(tx: Tx, session: Doc, uid: str, lead_mins: int, *, now: datetime) -> None:
    title = "Your live class begins soon" if lead_mins <= 60 else "A reminder of your live class"
    by = "" if uid == session["host"]["uid"] else f" with {session['host']['name']}"
    body = f"“{session['title']}”{by} begins on {_when(session)}."
    about = (_at(session), lead_mins)
    _tell(tx, session, uid, "live_reminder", title, body, about, now, leadMinutes=lead_mins)


def _tell(
    tx: Tx,
    session: Doc,
    uid: str,
    type: Type,
    title: str,
    body: str,
    about: tuple[Any, ...],
    now: datetime,
    **more: Any,
) -> None:
    is_host = uid == session["host"]["uid"]
    data = {
        "sessionId": session["id"],
        "title": session["title"],
        "courseId": session["courseId"],
        "scheduledAt": _at(session),
        "duration": session["durationMins"],
        "with": None if is_host else session["host"]["name"],
        "side": "expert" if is_host else "user",
        **more,
    }
    notifications.notify(
        tx, uid, type, about=(session["id"], session["moves"], *about), title=title, body=body, data=data, now=now
    )


def _at(session: Doc) -> str:
    return clock.iso(session["scheduledAt"])


def _when(session: Doc) -> str:
    return clock.in_india(session["scheduledAt"])

"""A class's course: opened by its host, ended by the host, by its length or by the host's absence; or called off.

Every timer, and the sweep, come to `progress`, as often and as late as they like: what was to happen before this moment
happens first, at its own time.
"""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.calendar import service as calendar
from konnect.errors import Conflict, Forbidden, Unavailable
from konnect.experts import educators
from konnect.identity import service as identity
from konnect.platform import PlatformConfig
from konnect.sessions import claims
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, events, policy, repository, schedule
from .policy import CancelReason, EndReason

KIND = "live"
"""Of its reservation in the host's calendar."""


def progress(tx: Tx, session_id: str, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Do what has come due. `due`: the time that a timer was for. Raises Unavailable for a timer that is early."""
    session = repository.find(tx, session_id)
    if session is None:
        return
    if session["status"] not in policy.OPEN:
        _make_good(tx, session)
        return
    if due is not None and due > now:
        raise Unavailable("it is not time yet")
    session = look(tx, session, pace=pace, now=now)
    if session["status"] == "scheduled" and any(at <= now for at in session["remindersAt"]):
        session = _remind(tx, session, pace, now)
    schedule.pending(tx, session, now)


def look(tx: Tx, session: Doc, *, pace: Pace, now: datetime) -> Doc:
    """The class as it has become by now: over, if it was to be, or called off with its host's account."""
    if session["status"] not in policy.OPEN:
        return session
    at, reason = policy.over(session, pace)
    if session["status"] == "live":
        return _finish(tx, session, reason, at, pace, now) if at <= now else session
    if at <= now:
        return _call_off(tx, session, "host-no-show", None, pace, now)
    if identity.is_closed(tx, session["host"]["uid"]):
        # The task that should have done so may be lost.
        return _call_off(tx, session, "host-closed", None, pace, now)
    return session


def start(tx: Tx, session: Doc, *, config: PlatformConfig, pace: Pace, now: datetime) -> Doc:
    """The host opens it, and is there. Raises Conflict (SESSION_NOT_OPEN: too early; EXPERT_BUSY, ALREADY_IN_SESSION),
    Forbidden (EDUCATOR_REQUIRED, EDUCATOR_NOT_APPROVED)."""
    if not policy.is_open(session, pace, now, host=True):
        raise access.not_open()
    host = session["host"]
    check_approved(educators.require(tx, host["uid"]))
    _check_calendar(tx, session, now)
    claims.take_own(tx, host["id"], host["uid"], session["id"], config=config)
    fields = {"status": "live", "startedAt": now, "hostPresent": True, "hostAbsentSince": None, "remindersAt": []}
    return save(tx, session, fields, pace=pace, now=now)


def end(tx: Tx, session: Doc, reason: EndReason, *, pace: Pace, now: datetime) -> Doc:
    """End it now. A repeat answers the ended one. Raises Conflict (SESSION_NOT_OPEN, SESSION_CANCELLED)."""
    if session["status"] == "scheduled":
        raise access.not_open()
    if session["status"] == "cancelled":
        raise access.closed(session)
    if session["status"] == "ended":
        _make_good(tx, session)
        return session
    return _finish(tx, session, reason, now, pace, now)


def cancel(tx: Tx, session: Doc, by: CancelReason, *, reason: str | None, pace: Pace, now: datetime) -> Doc:
    """Call off one that has not begun. A repeat answers the cancelled one. Raises Conflict (SESSION_RUNNING,
    SESSION_ENDED)."""
    if session["status"] == "cancelled":
        _make_good(tx, session)
        return session
    if session["status"] == "live":
        raise Conflict("the live session is running; end it", code="SESSION_RUNNING")
    if session["status"] == "ended":
        raise access.closed(session)
    return _call_off(tx, session, by, reason, pace, now)


def host_came(tx: Tx, session: Doc, *, pace: Pace, now: datetime) -> Doc:
    """Back in a class that runs."""
    if session["hostPresent"]:
        return session
    return save(tx, session, {"hostPresent": True, "hostAbsentSince": None}, pace=pace, now=now)


def host_went(tx: Tx, session: Doc, *, pace: Pace, now: datetime) -> Doc:
    if session["status"] != "live" or not session["hostPresent"]:
        return session
    return save(tx, session, {"hostPresent": False, "hostAbsentSince": now}, pace=pace, now=now)


def save(tx: Tx, session: Doc, fields: dict[str, Any], *, pace: Pace, now: datetime) -> Doc:
    """Write what changed, tell of it, and schedule what comes next."""
    after = {**session, **fields, "updatedAt": now}
    after["nextActionAt"] = policy.next_action_at(after, pace)
    repository.update(tx, session["id"], now=now, **fields, nextActionAt=after["nextActionAt"])
    events.updated(tx, after)
    schedule.pending(tx, after, now)
    return after


def check_approved(expert: Doc) -> None:
    """Nobody looks at a class before it is held, so only who was approved hosts one. Raises Forbidden."""
    if expert["mentorStatus"] != "approved":
        raise Forbidden("your application has to be approved first", code="EDUCATOR_NOT_APPROVED")


def release(tx: Tx, session: Doc, pace: Pace) -> None:
    """Free the host's calendar."""
    until = policy.reserved_until(session["endsAt"], pace)
    calendar.release(tx, (session["host"]["uid"],), session["id"], session["scheduledAt"], until)


def _check_calendar(tx: Tx, session: Doc, now: datetime) -> None:
    """Before its time the host may still be booked for something, which may claim nobody. Raises Conflict
    (EXPERT_BUSY)."""
    if now >= session["scheduledAt"]:
        return
    for other in calendar.overlapping(tx, session["host"]["uid"], now, session["scheduledAt"], now=now):
        if other.id != session["id"]:
            details = [{"from": clock.iso(other.begins), "to": clock.iso(other.ends)}]
            raise Conflict("you are booked before the live session", code="EXPERT_BUSY", details=details)


def _finish(tx: Tx, session: Doc, reason: str, at: datetime, pace: Pace, now: datetime) -> Doc:
    host = session["host"]
    tx.prefetch(*claims.paths(host["id"], host["uid"]))
    release(tx, session, pace)
    claims.release(tx, host["id"], host["uid"], session["id"])
    fields = {"status": "ended", "endedAt": at, "endReason": reason, **_OVER}
    session = save(tx, session, fields, pace=pace, now=now)
    _make_good(tx, session)
    return session


def _call_off(tx: Tx, session: Doc, by: CancelReason, reason: str | None, pace: Pace, now: datetime) -> Doc:
    release(tx, session, pace)
    fields = {"status": "cancelled", "endReason": by, "cancellationReason": reason, **_OVER}
    session = save(tx, session, fields, pace=pace, now=now)
    _make_good(tx, session)
    return session


_OVER: Doc = {"isOpen": False, "hostPresent": False, "hostAbsentSince": None, "remindersAt": []}


def _remind(tx: Tx, session: Doc, pace: Pace, now: datetime) -> Doc:
    """Of what is due: the latest alone if more than one is."""
    due = [at for at in session["remindersAt"] if at <= now]
    schedule.tell(tx, session, "reminder", due[-1])
    left = [at for at in session["remindersAt"] if at > now]
    after = {**session, "remindersAt": left}
    after["nextActionAt"] = policy.next_action_at(after, pace)
    repository.update(tx, session["id"], now=now, remindersAt=left, nextActionAt=after["nextActionAt"])
    return after


def _make_good(tx: Tx, session: Doc) -> None:
    """Schedule what has to follow its end, again, since a crash may have left it out. The host's time is free."""
    claims.moves_on(tx, session["host"]["id"], session["id"])
    if session["status"] == "cancelled":
        schedule.tell(tx, session, "cancelled", session["scheduledAt"])
    elif session["attendedCount"] is None:
        schedule.closing(tx, session)

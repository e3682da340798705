"""Planning a class, changing it, calling it off: the host's calendar is taken for it at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import clock
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation, SlotTaken
from konnect.courses import service as courses
from konnect.errors import BadRequest, Conflict, Forbidden
from konnect.experts import educators
from konnect.learning import enrollments
from konnect.platform import PlatformConfig
from konnect.sessions import claims
from konnect.sessions.booked.service import check_running
from konnect.sessions.metering import Pace
from konnect.store import Database, Doc, Tx

from . import access, course, policy, repository, schedule

LOOKED_AT = 100
"""So many of somebody's places are looked through for what is to come."""


@dataclass(frozen=True)
class Wanted:
    """A class as its host plans it. `course_id`: for the students of that course alone. `room`: the name of its call's
    room, which nobody guesses."""

    uid: str
    title: str
    description: str
    category: str
    scheduled_at: datetime
    duration_mins: int
    max_participants: int
    course_id: str | None
    session_id: str
    room: str


def create(tx: Tx, wanted: Wanted, *, config: PlatformConfig, pace: Pace, now: datetime) -> Doc:
    """Raises Forbidden (EDUCATOR_REQUIRED, EDUCATOR_NOT_APPROVED, ACCOUNT_DISABLED, NOT_YOUR_COURSE), NotFound
    (COURSE_NOT_FOUND), BadRequest (scheduledAt), Conflict (SLOT_TAKEN; EXPERT_BUSY, ALREADY_IN_SESSION: a session by
    the minute goes on that may last until then)."""
    expert = educators.require(tx, wanted.uid)
    course.check_approved(expert)
    of = _course(tx, wanted)
    _check_time(wanted.scheduled_at, now)
    session: Doc = {
        "title": wanted.title,
        "description": wanted.description,
        "category": wanted.category,
        "host": {
            "id": expert["id"],
            "uid": wanted.uid,
            "name": expert["name"],
            "imageUrl": expert.get("imageUrl"),
        },
        "courseId": wanted.course_id,
        "courseTitle": of["title"] if of is not None else None,
        "scheduledAt": wanted.scheduled_at,
        "durationMins": wanted.duration_mins,
        "endsAt": policy.ends_at(wanted.scheduled_at, wanted.duration_mins, pace),
        "status": "scheduled",
        "isOpen": True,
        "maxParticipants": wanted.max_participants,
        "participantCount": 0,
        "hostPresent": False,
        **dict.fromkeys(("hostAbsentSince", "startedAt", "endedAt", "endReason", "cancellationReason")),
        **dict.fromkeys(("recordingUrl", "attendedCount")),
        "moves": 0,
        "remindersAt": policy.reminders(wanted.scheduled_at, pace, now),
        "createdAt": now,
        "updatedAt": now,
    }
    session["nextActionAt"] = policy.next_action_at(session, pace)
    check_running(tx, wanted.uid, expert, wanted.scheduled_at, config, pace)
    _reserve(tx, {**session, "id": wanted.session_id}, pace, now)
    tx.create(repository.path(wanted.session_id), session)
    tx.create(repository.call_path(wanted.session_id), {"room": wanted.room})
    session = {**session, "id": wanted.session_id}
    schedule.pending(tx, session, now)
    if of is not None:
        schedule.tell(tx, session, "scheduled", wanted.scheduled_at)
    return session


def change(
    tx: Tx,
    session_id: str,
    uid: str,
    changes: dict[str, Any],
    *,
    is_admin: bool,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """Change what is given, by the document's names; `status` "live" opens it, "ended" ends it. After its end only the
    recording and the texts. Returns the class; one that is over by now, for which there is more to change than that,
    as it is then (the caller raises access.closed once this is committed: see `is_refused`).

    Raises NotFound (LIVE_SESSION_NOT_FOUND), Forbidden (NOT_THE_HOST), BadRequest (scheduledAt, durationMins,
    maxParticipants), Conflict (SLOT_TAKEN, SESSION_RUNNING: its beginning can't be moved any more; what `course.start`
    and `course.end` raise).
    """
    session = repository.get(tx, session_id)
    access.check_host(session, uid, is_admin=is_admin)
    session = course.look(tx, session, pace=pace, now=now)
    if is_refused(session, changes):
        return session
    fields = {name: value for name, value in changes.items() if name in _PLAIN and session[name] != value}
    if session["courseId"] is not None and fields.pop("recordingUrl", None) is not None:
        tx.update(repository.call_path(session_id), {"recordingUrl": changes["recordingUrl"]})
    moved: Doc = {}
    if session["status"] in policy.OPEN:
        moved = _moved(tx, session, changes, config, pace, now)
        wanted_places = changes.get("maxParticipants")
        if wanted_places is not None and wanted_places < session["participantCount"]:
            taken = session["participantCount"]
            raise BadRequest.field("maxParticipants", f"must be at least {taken}: so many places are taken")
    if fields | moved:
        session = course.save(tx, session, fields | moved, pace=pace, now=now)
    if "scheduledAt" in moved:
        # Who waits for the host may be taken now.
        claims.moves_on(tx, session["host"]["id"], f"{session_id}:{clock.iso(session['scheduledAt'])}")
        schedule.tell(tx, session, "moved", session["scheduledAt"])
    if changes.get("status") == "live" and session["status"] == "scheduled":
        access.check_host(session, uid, is_admin=False)
        session = course.start(tx, session, config=config, pace=pace, now=now)
    elif changes.get("status") == "ended":
        by_host = session["host"]["uid"] == uid
        session = course.end(tx, session, "host-ended" if by_host else "admin-ended", pace=pace, now=now)
    return session


def seen(tx: Tx, session: Doc, uid: str | None, *, is_admin: bool) -> Doc:
    """A class as `uid` sees it (None: anybody): of a course's, its students and its host see the recording too."""
    course_id = session["courseId"]
    if course_id is None or uid is None:
        return session
    if not is_admin and uid != session["host"]["uid"] and enrollments.standing(tx, course_id, uid) is None:
        return session
    return {**session, "recordingUrl": (tx.get(*repository.call_path(session["id"])) or {}).get("recordingUrl")}


_PLAIN = ("title", "description", "category", "maxParticipants", "recordingUrl")
_AFTERWARDS = {"title", "description", "category", "recordingUrl"}


def is_refused(session: Doc, changes: dict[str, Any]) -> bool:
    """Whether these can't be changed any more, since it is over. To end what has ended is a repeat."""
    if session["status"] == "ended":
        return bool(changes.keys() - _AFTERWARDS) and changes.get("status") != "ended"
    return bool(session["status"] == "cancelled")


def cancel(tx: Tx, session_id: str, uid: str, *, is_admin: bool, reason: str | None, pace: Pace, now: datetime) -> Doc:
    """Raises NotFound (LIVE_SESSION_NOT_FOUND), Forbidden (NOT_THE_HOST), Conflict (SESSION_RUNNING, SESSION_ENDED)."""
    session = repository.get(tx, session_id)
    access.check_host(session, uid, is_admin=is_admin)
    session = course.look(tx, session, pace=pace, now=now)
    by: policy.CancelReason = "host-cancelled" if session["host"]["uid"] == uid else "admin-cancelled"
    return course.cancel(tx, session, by, reason=reason, pace=pace, now=now)


def upcoming(db: Database, uid: str, now: datetime, *, limit: int) -> list[Doc]:
    """What somebody hosts or has a place in and is not over, the next first: for dashboards."""
    places = repository.places_of(db, uid, since=now - policy.LONGEST, limit=LOOKED_AT).items
    found = repository.open_of(uid, limit=LOOKED_AT).run(db)
    found += repository.many(db, [one["sessionId"] for one in places])
    coming = {one["id"]: one for one in found if one["status"] in policy.OPEN}
    return sorted(coming.values(), key=lambda one: (one["scheduledAt"], one["id"]))[:limit]


def end_all(tx: Tx, uid: str, *, now: datetime) -> None:
    """Of somebody whose account is closed: what they host is ended or called off, soon."""
    schedule.cancel_all(tx, uid, now=now)


def _course(tx: Tx, wanted: Wanted) -> Doc | None:
    if wanted.course_id is None:
        return None
    found = courses.published(tx, wanted.course_id)
    if found["instructor"]["uid"] != wanted.uid:
        raise Forbidden("this is another educator's course", code="NOT_YOUR_COURSE")
    return found


def _check_time(scheduled_at: datetime, now: datetime) -> None:
    if scheduled_at < now:
        raise BadRequest.field("scheduledAt", "must be to come")
    if scheduled_at > now + policy.FURTHEST_AHEAD:
        raise BadRequest.field("scheduledAt", f"must be within {policy.FURTHEST_AHEAD.days} days")


def _moved(
    tx: Tx, session: Doc, changes: dict[str, Any], config: PlatformConfig, pace: Pace, now: datetime
) -> dict[str, Any]:
    """The fields of another time or length, with the calendar changed to it."""
    scheduled_at: datetime = changes.get("scheduledAt") or session["scheduledAt"]
    duration: int = changes.get("durationMins") or session["durationMins"]
    begins_elsewhen = scheduled_at != session["scheduledAt"]
    if not begins_elsewhen and duration == session["durationMins"]:
        return {}
    ends_at = policy.ends_at(scheduled_at, duration, pace)
    fields: dict[str, Any] = {"durationMins": duration, "endsAt": ends_at}
    if begins_elsewhen:
        fields |= {"moves": session["moves"] + 1}
        if session["status"] == "live":
            raise Conflict("the live session is running", code="SESSION_RUNNING")
        _check_time(scheduled_at, now)
        expert = educators.require(tx, session["host"]["uid"])
        check_running(tx, session["host"]["uid"], expert, scheduled_at, config, pace)
        fields |= {"scheduledAt": scheduled_at, "remindersAt": policy.reminders(scheduled_at, pace, now)}
    elif ends_at <= now:
        raise BadRequest.field("durationMins", "must leave it longer than it has been")
    after = {**session, **fields}
    tx.peek(*_days(session, pace), *_days(after, pace))
    course.release(tx, session, pace)
    _reserve(tx, after, pace, now)
    return fields


def _days(session: Doc, pace: Pace) -> list[tuple[str, ...]]:
    until = policy.reserved_until(session["endsAt"], pace)
    return calendar.paths((session["host"]["uid"],), session["scheduledAt"], until)


def _reserve(tx: Tx, session: Doc, pace: Pace, now: datetime) -> None:
    until = policy.reserved_until(session["endsAt"], pace)
    reservation = Reservation(session["id"], session["scheduledAt"], until, course.KIND)
    try:
        calendar.reserve(tx, (session["host"]["uid"],), reservation, now=now)
    except SlotTaken as taken:
        details = [{"from": clock.iso(taken.by.begins), "to": clock.iso(taken.by.ends)}]
        raise Conflict("you are booked then", code="SLOT_TAKEN", details=details) from taken

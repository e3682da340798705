"""Who takes part in a class: places taken and given back, who comes, goes, and was there when.

A place is taken by the first `join`, before or during the class, and counted on the class in the same transaction, so
never more than there are. Who has joined by a socket is there until that socket is gone or leaves; who has joined by
HTTP alone until they leave, or the class ends.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect.errors import Conflict, Unavailable
from konnect.identity import service as identity
from konnect.learning import enrollments
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import LEAVE, user_room
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, course, events, policy, repository

Via = Literal["page", "socket"]


@dataclass(frozen=True)
class Joined:
    """`participant` is None for a host before it can be opened, and in a class that is over. `told`: what the room was
    told of somebody who has just come."""

    session: Doc
    participant: Doc | None
    opens_at: datetime
    is_host: bool
    state: policy.State = "registered"
    told: dict[str, Any] | None = None


def join(
    tx: Tx,
    session_id: str,
    uid: str,
    *,
    connection_id: str | None = None,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Joined:
    """Take a place, and come if it is open; the host opens it. A repeat changes nothing. Of a class that is over by
    now it returns that (the caller raises access.closed once this is committed). `connection_id`: the socket's.

    Raises NotFound (LIVE_SESSION_NOT_FOUND), Forbidden (NOT_ENROLLED: it is for the students of its course;
    EDUCATOR_REQUIRED, EDUCATOR_NOT_APPROVED, ACCOUNT_DISABLED), Conflict (SESSION_FULL; EXPERT_BUSY,
    ALREADY_IN_SESSION: the host is in something else), Unavailable (the socket is gone, not written
    down again yet, or in too many rooms).
    """
    tx.peek(repository.path(session_id))
    tx.prefetch(repository.participant_path(session_id, uid), ("users", uid))
    session = course.look(tx, repository.get(tx, session_id), pace=pace, now=now)
    is_host = session["host"]["uid"] == uid
    opens_at = policy.opens_at(session, pace, host=is_host)
    participant = repository.participant(tx, session_id, uid)
    if session["status"] not in policy.OPEN:
        return Joined(session, participant, opens_at, is_host)
    identity.require_open(tx, uid)
    if not is_host:
        check_enrolled(tx, session, uid)
        if participant is None:
            session, participant = _take_place(tx, session, uid, pace, now)
    room = repository.room(session_id)
    if connection_id is not None and not presence.enter(tx, uid, connection_id, room, now=now):
        # Nobody would ever see it go.
        raise Unavailable("this connection can't come in; please connect again")
    if not policy.is_open(session, pace, now, host=is_host):
        return Joined(session, participant, opens_at, is_host)
    if is_host:
        if session["status"] == "scheduled":
            session = course.start(tx, session, config=config, pace=pace, now=now)
        else:
            session = course.host_came(tx, session, pace=pace, now=now)
    via: Via = "page" if connection_id is None else "socket"
    participant, told = _come(tx, session, participant or _new(tx, session, uid, "host", now), via, now)
    return Joined(session, participant, opens_at, is_host, "open", told)


def leave(tx: Tx, session_id: str, uid: str, *, pace: Pace, now: datetime) -> Doc:
    """Go, on all devices; before it is open, a learner gives the place back. Returns the class. A repeat changes
    nothing. Raises NotFound (LIVE_SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    session = course.look(tx, repository.get(tx, session_id), pace=pace, now=now)
    participant = repository.participant(tx, session_id, uid)
    is_host = session["host"]["uid"] == uid
    if participant is None and not is_host:
        raise access.not_a_participant()
    room = repository.room(session_id)
    presence.leave(tx, uid, room, now=now)
    if session["status"] in policy.OPEN:
        if participant is None:
            # Opened without having been joined.
            session = course.host_went(tx, session, pace=pace, now=now)
        elif not is_host and not policy.is_open(session, pace, now, host=False):
            session = _give_place_back(tx, session, uid, pace, now)
        else:
            session = _go(tx, session, participant, None, pace, now)
    # Last, so that they hear of it too.
    tx.emit(user_room(uid), LEAVE, {"room": room})
    return session


def check_enrolled(tx: Tx, session: Doc, uid: str) -> None:
    """A course's class is for its students. Raises Forbidden (NOT_ENROLLED)."""
    if session["courseId"] is not None:
        enrollments.require(tx, session["courseId"], uid)


def expel(tx: Tx, session_id: str, uid: str, *, pace: Pace, now: datetime) -> None:
    """Out of a class that is not over: whose enrolment was taken back, unless they have it again."""
    session, participant = repository.get(tx, session_id), repository.participant(tx, session_id, uid)
    is_in = participant is not None and participant["role"] == "learner" and session["status"] in policy.OPEN
    if is_in and enrollments.standing(tx, session["courseId"], uid) is None:
        leave(tx, session_id, uid, pace=pace, now=now)


def moved(tx: Tx, session: Doc, uid: str, *, pace: Pace, now: datetime) -> None:
    """It is at another time; who has come for the one before is yet to come."""
    if repository.participant(tx, session["id"], uid) is None:
        return
    anew = {} if policy.is_open(session, pace, now, host=False) else _NOT_THERE_YET
    tx.update(repository.participant_path(session["id"], uid), {**anew, "sessionAt": session["scheduledAt"]})


def attend(tx: Tx, session_id: str, uid: str, *, pace: Pace, now: datetime) -> None:
    """A line of somebody has just come or gone (sessions.attendance); presence has it already."""
    session = repository.find(tx, session_id)
    if session is None or session["status"] not in policy.OPEN:
        return
    participant = repository.participant(tx, session_id, uid)
    if participant is None or participant["via"] != "socket":
        return
    is_in = presence.is_in(tx, uid, repository.room(session_id))
    if participant["present"] and not is_in:
        _go(tx, session, participant, "socket", pace, now)
    elif is_in and not participant["present"]:
        # After its instance was taken for dead.
        _come(tx, session, participant, "socket", now)
        if session["host"]["uid"] == uid and session["status"] == "live":
            course.host_came(tx, session, pace=pace, now=now)


def close(tx: Tx, session: Doc, uid: str) -> None:
    """Write down of one who was there at the end that it is over."""
    participant = repository.participant(tx, session["id"], uid)
    if participant is None or not participant["present"]:
        return
    ended_at = session["endedAt"]
    fields = {"present": False, "intervals": policy.went(participant["intervals"], ended_at), "lastSeenAt": ended_at}
    tx.update(repository.participant_path(session["id"], uid), fields)


def _take_place(tx: Tx, session: Doc, uid: str, pace: Pace, now: datetime) -> tuple[Doc, Doc]:
    if session["participantCount"] >= session["maxParticipants"]:
        details = [{"maxParticipants": session["maxParticipants"]}]
        raise Conflict("all places are taken", code="SESSION_FULL", details=details)
    session = course.save(tx, session, {"participantCount": session["participantCount"] + 1}, pace=pace, now=now)
    return session, _new(tx, session, uid, "learner", now)


def _give_place_back(tx: Tx, session: Doc, uid: str, pace: Pace, now: datetime) -> Doc:
    tx.delete(repository.participant_path(session["id"], uid))
    return course.save(tx, session, {"participantCount": session["participantCount"] - 1}, pace=pace, now=now)


_NOT_THERE_YET: Doc = {
    "attended": False,
    "present": False,
    "via": None,
    "intervals": [],
    "firstJoinedAt": None,
    "lastSeenAt": None,
}


def _new(tx: Tx, session: Doc, uid: str, role: Literal["host", "learner"], now: datetime) -> Doc:
    name = session["host"]["name"] if role == "host" else (tx.get("users", uid) or {}).get("name") or "Learner"
    participant: Doc = {
        "uid": uid,
        "sessionId": session["id"],
        "name": name,
        "role": role,
        "sessionAt": session["scheduledAt"],
        "registeredAt": now,
        **_NOT_THERE_YET,
    }
    tx.create(repository.participant_path(session["id"], uid), participant)
    return participant


def _come(tx: Tx, session: Doc, participant: Doc, via: Via, now: datetime) -> tuple[Doc, dict[str, Any] | None]:
    path = repository.participant_path(session["id"], participant["uid"])
    if participant["present"]:
        if via == "socket" and participant["via"] != "socket":
            # From now on it is known when they go.
            tx.update(path, {"via": via})
        return {**participant, "via": via}, None
    came: Doc = {
        "present": True,
        "attended": True,
        "via": via,
        "intervals": policy.came(participant["intervals"], now),
        "firstJoinedAt": participant["firstJoinedAt"] or now,
        "lastSeenAt": now,
    }
    tx.update(path, came)
    after = {**participant, **came}
    return after, events.joined(tx, session, after)


def _go(tx: Tx, session: Doc, participant: Doc, via: Via | None, pace: Pace, now: datetime) -> Doc:
    if not participant["present"]:
        return session
    went = {"present": False, "via": via, "intervals": policy.went(participant["intervals"], now), "lastSeenAt": now}
    tx.update(repository.participant_path(session["id"], participant["uid"]), went)
    events.left(tx, session, participant)
    if session["host"]["uid"] == participant["uid"]:
        return course.host_went(tx, session, pace=pace, now=now)
    return session

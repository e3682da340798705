"""The sessions of an exchange that goes on: planned by either, in a room of the platform's or at a link of their own;
and its milestones. Neither takes anybody's calendar: nothing is paid for.
"""

import math
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from konnect.calls import fallback
from konnect.config import Settings
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.integrations.jitsi.client import Guest, Jitsi
from konnect.members import service as members
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx

from . import access, events, messages, policy, repository, service

MINUTE_S = 60.0


def schedule(
    tx: Tx,
    exchange_id: str,
    uid: str,
    *,
    session_id: str,
    room_secret: str,
    at: datetime,
    minutes: int,
    topic: str,
    meeting_url: str | None,
    settings: Settings,
    now: datetime,
) -> Doc:
    """Plan a session; the other side is told. Without `meeting_url` it has a room of the platform's, whose name has
    `room_secret`.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), BadRequest (scheduledAt), Conflict
    (EXCHANGE_NOT_ACCEPTED, EXCHANGE_CLOSED, SESSION_LIMIT, SLOT_TAKEN: by another session of this exchange).
    """
    exchange = access.going_on(tx, exchange_id, uid)
    if len(exchange["sessions"]) >= policy.SESSIONS_MAX:
        raise Conflict(f"an exchange has at most {policy.SESSIONS_MAX} sessions", code="SESSION_LIMIT")
    session: Doc = {
        "id": session_id,
        "topic": topic,
        "scheduledAt": at,
        "durationMins": minutes,
        "status": "scheduled",
        "scheduledBy": uid,
        "meetingUrl": meeting_url,
        "roomName": None if meeting_url else f"skillverse-{exchange_id.lower()}-{room_secret}",
    }
    exchange = _planned(tx, exchange, [*exchange["sessions"], session], session, settings, now)
    messages.session_planned(tx, exchange, session, by=uid, now=now)
    return exchange


def change(
    tx: Tx, exchange_id: str, session_id: str, uid: str, fields: Doc, *, settings: Settings, now: datetime
) -> Doc:
    """Change a planned session: `fields` of status (completed, once it has begun; cancelled), scheduledAt,
    durationMins, topic, meetingUrl. The same status again is the same.

    Raises as `schedule`, NotFound (SESSION_NOT_FOUND), Conflict (SESSION_ENDED, SESSION_NOT_BEGUN).
    """
    exchange = access.of_participant(tx, exchange_id, uid)
    session = _find(exchange, session_id)
    if session["status"] != "scheduled" and fields == {"status": session["status"]}:
        return exchange
    exchange = access.going_on(tx, exchange_id, uid)
    if session["status"] != "scheduled":
        raise Conflict(f"the session is {session['status']}", code="SESSION_ENDED")
    changed = {**session, **fields}
    if changed["scheduledAt"] != session["scheduledAt"]:
        _check_time(changed, settings, now)
    if fields.get("status") == "completed" and now < changed["scheduledAt"]:
        raise Conflict("the session has not begun", code="SESSION_NOT_BEGUN")
    if changed == session:
        return exchange
    sessions = [changed if one["id"] == session_id else one for one in exchange["sessions"]]
    if changed["status"] == "scheduled":
        exchange = _planned(tx, exchange, sessions, changed, settings, now, moved=_when(changed) != _when(session))
    else:
        exchange = repository.update(tx, exchange, {"sessions": sessions}, now=now)
        events.updated(tx, exchange)
    if changed["status"] == "cancelled" or _when(changed) != _when(session):
        messages.session_planned(tx, exchange, changed, by=uid, now=now)
    return exchange


def set_milestones(tx: Tx, exchange_id: str, uid: str, given: list[Doc], *, now: datetime) -> Doc:
    """Put `given` ([{id, title, isDone}]) in the place of the milestones; one that is done already keeps its time.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (EXCHANGE_NOT_ACCEPTED,
    EXCHANGE_CLOSED).
    """
    exchange = access.going_on(tx, exchange_id, uid)
    done_at = {one["id"]: one["doneAt"] for one in exchange["milestones"]}
    milestones = [
        {
            "id": one["id"],
            "title": one["title"],
            "doneAt": (done_at.get(one["id"]) or now) if one["isDone"] else None,
        }
        for one in given
    ]
    if milestones == exchange["milestones"]:
        return exchange
    exchange = repository.update(tx, exchange, {"milestones": milestones}, now=now)
    events.updated(tx, exchange)
    return exchange


def way_in(
    tx: Tx, exchange_id: str, session_id: str, uid: str, *, settings: Settings, config: PlatformConfig, now: datetime
) -> dict[str, Any]:
    """The way of `uid` into a session's call, as CallLink has it. A link of their own is always open.

    Raises NotFound (EXCHANGE_NOT_FOUND, SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_ENDED:
    its time is over, or it is not to be).
    """
    exchange = access.of_participant(tx, exchange_id, uid)
    session = _find(exchange, session_id)
    opens_at = session["scheduledAt"] - _minutes(policy.OPENS_MINS, settings)
    closes_at = session["scheduledAt"] + _minutes(session["durationMins"] + policy.CLOSES_MINS, settings)
    if session["status"] == "cancelled" or now > closes_at:
        raise Conflict("the session is over", code="SESSION_ENDED")
    answer: dict[str, Any] = {
        "status": "open",
        "provider": "own",
        "opensAt": opens_at,
        "closesAt": closes_at,
        "secondsLeft": 0,
        **dict.fromkeys(("url", "token", "roomName", "domain")),
    }
    if session["meetingUrl"] is not None:
        return {**answer, "url": session["meetingUrl"], "domain": urlsplit(session["meetingUrl"]).netloc}
    answer["provider"] = config.callProvider
    if now < opens_at:
        # Rounded up: who comes back then finds it open.
        return {**answer, "status": "waiting", "secondsLeft": math.ceil((opens_at - now).total_seconds())}
    room = session["roomName"]
    if config.callProvider != "jitsi":
        entry = fallback.entry(config, room, about=session_id, host_id=exchange["providerId"])
        return {**answer, "url": entry.url, "roomName": room, "domain": entry.domain}
    member = members.get(tx, uid) or {}
    own_name = exchange["requesterName" if uid == exchange["requesterId"] else "providerName"]
    # Both teach, so both moderate.
    guest = Guest(uid, member.get("name") or own_name, member.get("profileImage"), is_moderator=True, may_record=False)
    entry = Jitsi(settings).entry(room, guest, opens_at=opens_at, closes_at=closes_at)
    return {**answer, "url": entry.url, "token": entry.token, "roomName": entry.room_name, "domain": entry.domain}


def _planned(
    tx: Tx, exchange: Doc, sessions: list[Doc], session: Doc, settings: Settings, now: datetime, *, moved: bool = True
) -> Doc:
    """Write a session that is to come, at its time."""
    if moved:
        _check_time(session, settings, now)
    begins, ends = session["scheduledAt"], _ends_at(session, settings)
    if moved:
        for one in sessions:
            is_other = one["id"] != session["id"] and one["status"] == "scheduled"
            if is_other and one["scheduledAt"] < ends and begins < _ends_at(one, settings):
                raise Conflict("another session of this exchange is then", code="SLOT_TAKEN")
    expires_at = max(exchange["expiresAt"], service.in_days(ends, policy.IDLE_DAYS, settings))
    exchange = repository.update(tx, exchange, {"sessions": sessions, "expiresAt": expires_at}, now=now)
    events.updated(tx, exchange)
    return exchange


def _check_time(session: Doc, settings: Settings, now: datetime) -> None:
    if not now < session["scheduledAt"] <= service.in_days(now, policy.FURTHEST_DAYS, settings):
        raise BadRequest.field("scheduledAt", "must be in the future, within a year")


def _find(exchange: Doc, session_id: str) -> Doc:
    for one in exchange["sessions"]:
        if one["id"] == session_id:
            found: Doc = one
            return found
    raise NotFound("there is no such session", code="SESSION_NOT_FOUND")


def _when(session: Doc) -> tuple[datetime, int]:
    return session["scheduledAt"], session["durationMins"]


def _ends_at(session: Doc, settings: Settings) -> datetime:
    begins: datetime = session["scheduledAt"]
    return begins + _minutes(session["durationMins"], settings)


def _minutes(minutes: float, settings: Settings) -> timedelta:
    return timedelta(seconds=settings.seconds(minutes * MINUTE_S))

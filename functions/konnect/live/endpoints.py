"""/api/v1/live-sessions: classes that many attend at once."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect import clock, ids
from konnect.contacts import masked
from konnect.context import Context
from konnect.errors import Unauthenticated
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery
from konnect.platform import platform_config
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, attendance, chat, policy, repository, room, service
from .schemas import (
    CancelQuery,
    LiveMessage,
    LiveParticipant,
    LivePlace,
    LiveSession,
    LiveSessionChange,
    LiveSessionsQuery,
    NewLiveSession,
)

router = Router("Live sessions")
_BASE = "/api/v1/live-sessions"
_STATUSES: dict[str, tuple[str, ...]] = {"upcoming": policy.OPEN, "live": ("live",), "past": ("ended",)}


@router.get(_BASE, response=Listing[LiveSession], auth="public", errors=(401, 403))
def live_sessions(call: Call, query: LiveSessionsQuery) -> dict[str, Any]:
    """Live sessions: what is to come and what goes on, or what is past. Cancelled ones only among one's own."""
    db = call.ctx.db
    paging: dict[str, Any] = {"limit": query.limit, "cursor": query.cursor, "number": query.page}
    if query.mine is not None:
        if call.visitor is None:
            raise Unauthenticated("your own live sessions need a token")
        if query.mine == "hosting":
            found = repository.hosted(db, call.visitor.uid, **paging)
            return {"items": found.items, "nextCursor": found.next_cursor}
        found = repository.places_of(db, call.visitor.uid, **paging)
        items = repository.many(db, [place["sessionId"] for place in found.items])
        return {"items": items, "nextCursor": found.next_cursor}
    found = repository.listed(
        db,
        statuses=_STATUSES[query.when or "upcoming"],
        newest_first=query.when == "past",
        category=query.category,
        course_id=query.course_id,
        host_id=query.host_id,
        **paging,
    )
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get(f"{_BASE}/<live_session_id>", response=LiveSession, auth="public", errors=(404,))
def one_live_session(call: Call, live_session_id: str) -> dict[str, Any]:
    """One live session, in whatever status. The recording of a course's is for its students and its host."""
    uid, is_admin = (call.visitor.uid, call.visitor.role == "admin") if call.visitor is not None else (None, False)
    return call.ctx.run(lambda tx: service.seen(tx, repository.get(tx, live_session_id), uid, is_admin=is_admin))


@router.post(_BASE, response=LiveSession, status=201, errors=(403, 404, 409))
def create_live_session(call: Call, body: NewLiveSession) -> dict[str, Any]:
    """Plan a live session, as an approved educator.

    The time is taken in the host's calendar: no booking, no consult, no session by the minute and no second class runs
    into it (409 SLOT_TAKEN, and for those others theirs). Of a course's, its students are told.
    """
    wanted = service.Wanted(
        uid=call.user.uid,
        title=_shown(call.ctx, body.title),
        description=_shown(call.ctx, body.description),
        category=_shown(call.ctx, body.category),
        scheduled_at=clock.to_millisecond(body.scheduled_at),
        duration_mins=body.duration_mins,
        max_participants=body.max_participants,
        course_id=body.course_id,
        session_id=ids.new(),
        room=room.name(),
    )
    config, pace = platform_config(call.ctx.db), _pace(call.ctx)
    return call.ctx.run(lambda tx: service.create(tx, wanted, config=config, pace=pace, now=call.now))


@router.put(f"{_BASE}/<live_session_id>", response=LiveSession, errors=(403, 404, 409))
def change_live_session(call: Call, live_session_id: str, body: LiveSessionChange) -> dict[str, Any]:
    """Change a live session as its host: texts, time, length, places; open it, end it; say where its recording is.

    Of another time all who have a place are told. 409 SESSION_RUNNING: it has begun and can't be moved; SESSION_ENDED,
    SESSION_CANCELLED: it is over.
    """
    changes = body.model_dump(by_alias=True, exclude_none=True)
    for name in {"title", "description", "category"} & changes.keys():
        changes[name] = _shown(call.ctx, changes[name])
    if "scheduledAt" in changes:
        changes["scheduledAt"] = clock.to_millisecond(changes["scheduledAt"])
    uid, is_admin, config = call.user.uid, call.user.role == "admin", platform_config(call.ctx.db)
    given: dict[str, Any] = {"is_admin": is_admin, "config": config, "pace": _pace(call.ctx), "now": call.now}

    def work(tx: Tx) -> Doc:
        session = service.change(tx, live_session_id, uid, changes, **given)
        return service.seen(tx, session, uid, is_admin=is_admin)

    session = call.ctx.run(work)
    if service.is_refused(session, changes):
        # Raised only here, so that what ended it is committed.
        raise access.closed(session)
    return session


@router.delete(f"{_BASE}/<live_session_id>", response=LiveSession, errors=(403, 404, 409))
def cancel_live_session(call: Call, live_session_id: str, query: CancelQuery) -> dict[str, Any]:
    """Cancel a live session that has not begun, as its host or an admin. All who have a place are told."""
    work = partial(
        service.cancel,
        session_id=live_session_id,
        uid=call.user.uid,
        is_admin=call.user.role == "admin",
        reason=None if query.reason is None else _shown(call.ctx, query.reason),
        pace=_pace(call.ctx),
        now=call.now,
    )
    return call.ctx.run(work)


@router.post(f"{_BASE}/<live_session_id>/join", response=LivePlace, errors=(403, 404, 409))
def join_live_session(call: Call, live_session_id: str) -> dict[str, Any]:
    """Take a place, and once it is open get the way in. The host opens it by joining, from ten minutes before.

    Before that it is a registration: a place is kept, and reminders come a day and a quarter of an hour before. 409
    SESSION_FULL, SESSION_ENDED, SESSION_CANCELLED; 403 NOT_ENROLLED where it is for a course's students. For the host
    409 EXPERT_BUSY or ALREADY_IN_SESSION while something else goes on.
    """
    uid, config, pace, settings = call.user.uid, platform_config(call.ctx.db), _pace(call.ctx), call.ctx.settings

    def work(tx: Tx) -> dict[str, Any]:
        joined = attendance.join(tx, live_session_id, uid, config=config, pace=pace, now=call.now)
        return room.way_in(tx, joined, uid, settings=settings, config=config, now=call.now)

    place = call.ctx.run(work)
    if place["session"]["status"] not in policy.OPEN:
        # Raised only here, so that what ended it is committed.
        raise access.closed(place["session"])
    return place


@router.post(f"{_BASE}/<live_session_id>/leave", response=LiveSession, errors=(403, 404))
def leave_live_session(call: Call, live_session_id: str) -> dict[str, Any]:
    """Leave a live session, on all devices. Before it is open the place is given back; afterwards it is kept."""
    pace = _pace(call.ctx)
    return call.ctx.run(lambda tx: attendance.leave(tx, live_session_id, call.user.uid, pace=pace, now=call.now))


@router.get(f"{_BASE}/<live_session_id>/participants", response=Listing[LiveParticipant], errors=(403, 404))
def participants(call: Call, live_session_id: str, query: ListQuery) -> dict[str, Any]:
    """Who has a place and who was there when, for the host and admins."""
    session = call.ctx.run(lambda tx: repository.get(tx, live_session_id))
    access.check_host(session, call.user.uid, is_admin=call.user.role == "admin")
    found = repository.participants(call.ctx.db, live_session_id, limit=query.limit, cursor=query.cursor)
    items = [participant_view(one, session, _pace(call.ctx), call.now) for one in found.items]
    return {"items": items, "nextCursor": found.next_cursor}


@router.get(f"{_BASE}/<live_session_id>/messages", response=Listing[LiveMessage], errors=(403, 404))
def messages(call: Call, live_session_id: str, query: ListQuery) -> dict[str, Any]:
    """What was said in a live session, the newest first, for those who take part and admins."""

    def check(tx: Tx) -> None:
        session = repository.get(tx, live_session_id)
        is_own = call.user.role == "admin" or session["host"]["uid"] == call.user.uid
        if is_own:
            return
        if repository.participant(tx, live_session_id, call.user.uid) is None:
            raise access.not_a_participant()
        attendance.check_enrolled(tx, session, call.user.uid)

    call.ctx.run(check)
    found = chat.listed(call.ctx.db, live_session_id, limit=query.limit, cursor=query.cursor)
    items = [chat.view(live_session_id, one) for one in found.items]
    return {"items": items, "nextCursor": found.next_cursor}


def participant_view(one: Doc, session: Doc, pace: Pace, now: datetime) -> dict[str, Any]:
    is_over = session["status"] not in policy.OPEN
    # One that was called off has no end: who had come waited until then.
    stays = policy.attended(
        one["intervals"], session["endedAt"] or (session["updatedAt"] if is_over else None), now, pace
    )
    return {
        **{name: one[name] for name in ("name", "role", "registeredAt", "firstJoinedAt")},
        "userId": one["uid"],
        "present": one["present"] and not is_over,
        "seconds": sum(stay["seconds"] for stay in stays),
        "stays": stays,
    }


def _shown(ctx: Context, value: str) -> str:
    """As everybody may read it: mail addresses and phone numbers put out of sight, where the platform wants it."""
    return value if platform_config(ctx.db).maskContacts == "nowhere" else masked(value)


def _pace(ctx: Context) -> Pace:
    return Pace.of(ctx.settings)

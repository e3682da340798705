"""A request that the expert takes by hand: a session that is pending until it is accepted, declined, withdrawn or timed
out. Each of these is a transaction on that one document, so one of them wins, and a repeat finds it done.

Both sides are claimed meanwhile; nothing is charged. Price, offer and fee are those of the time of the request.
"""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.errors import Conflict, Forbidden, NotFound, PaymentRequired, Unavailable
from konnect.experts import preferences
from konnect.identity import service as identity
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import user_room
from konnect.store import Doc, Tx

from . import queue, repository, requests, room, schedule, service
from .metering import CancelReason, Pace, Tariff

MISSES_MAX = 2
"""So often a request may go unanswered before it is given up."""


def make(
    tx: Tx, session_id: str, session: Doc, *, entry: Doc | None, config: PlatformConfig, pace: Pace, now: datetime
) -> Doc:
    """Offer a request (`session`, as it would be written) to its expert. `entry`: its place in the queue, if it had
    one."""
    accept_until = clock.after(now, pace.seconds(config.acceptSeconds))
    offer: Doc = {
        **session,
        "status": "pending",
        "acceptUntil": accept_until,
        "nextTickAt": accept_until,
        "queuedAt": entry["joinedAt"] if entry else None,
        "offers": 1 + (entry or {}).get("offers", 0),
        "misses": (entry or {}).get("misses", 0),
    }
    tx.create(("sessions", session_id), offer)
    tx.create(("sessions", session_id, "private", "terms"), {"platformFeePercent": config.platformFeePercent})
    offer = {**offer, "id": session_id}
    repository.claim(tx, offer["expertId"], offer["userId"], session_id)
    schedule.acceptance(tx, offer)
    tx.emit(user_room(offer["expertUid"]), "chat-request", for_expert(offer))
    tx.emit(user_room(offer["userId"]), "queue-status" if entry else "queue-joined", for_user(offer))
    return offer


def for_expert(offer: Doc) -> dict[str, Any]:
    """What `chat-request` carries."""
    return {
        "chatId": offer["id"],
        "type": offer["type"],
        "userId": offer["userId"],
        "userName": offer["userName"],
        "user": {"id": offer["userId"], "name": offer["userName"]},
        **requests.prices(offer),
        "expiresAt": clock.iso(offer["acceptUntil"]),
    }


def for_user(offer: Doc) -> dict[str, Any]:
    """Waiting, as the first: what `queue-joined` or `queue-status` carries meanwhile."""
    return {
        "expertId": offer["expertId"],
        "position": 1,
        "pending": True,
        "chatId": offer["id"],
        "expiresAt": clock.iso(offer["acceptUntil"]),
    }


def accept(tx: Tx, session_id: str, *, by: str, pace: Pace, now: datetime) -> Doc:
    """The expert takes it: the session starts, unless the user has left or can't pay any more, the user's account is
    closed, or either side is booked by now; then it is cancelled.

    Returns the session as it is then; of one that was not pending any more, as it has become. Raises NotFound
    (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, ACCOUNT_DISABLED), Conflict (NOT_A_REQUEST: it is a booked one).
    """
    session = _of_expert(tx, session_id, by)
    if not repository.is_offer(session):
        if session["status"] == "in_progress":
            schedule.pending(tx, session, repository.meter_of(session, pace))
        _make_good(tx, session)
        return session
    uid = session["userId"]
    tx.prefetch(("presence", uid), ("wallets", uid), ("users", uid), ("users", by), ("experts", session["expertId"]))
    identity.require_open(tx, by)
    if identity.is_closed(tx, uid):
        return service.cancel(tx, session, "admin-ended", now)
    if not presence.is_present(tx, uid):
        return service.cancel(tx, session, "user-absent", now)
    try:
        requests.check_covered(tx, uid, Tariff.of(session))
    except PaymentRequired:
        return service.cancel(tx, session, "insufficient-balance", now)
    minutes, _ = room.free_minutes(
        tx,
        (uid, session["expertUid"]),
        longest_mins=session["maxMinutes"],
        buffer_mins=session["bufferMins"],
        pace=pace,
        now=now,
    )
    if minutes < 1:
        return service.cancel(tx, session, "booked", now)
    begun = {"status": "in_progress", "startedAt": now, "updatedAt": now, "maxMinutes": minutes}
    tx.update(("sessions", session_id), begun)
    return requests.begin(tx, {**session, **begun}, pace=pace, now=now)


def decline(tx: Tx, session_id: str, *, by: str, note: str | None, now: datetime) -> Doc:
    """The expert does not take it. Returns and raises as `accept` does."""
    session = _of_expert(tx, session_id, by)
    if not repository.is_offer(session):
        _make_good(tx, session)
        return session
    return service.cancel(tx, session, "declined", now, note=note)


def time_out(tx: Tx, session_id: str, *, now: datetime) -> None:
    """The time to accept is over. The request goes back to its place in the queue, or is given up the second time; the
    expert goes on a break, so that somebody who is away does not use up the queue.

    Raises Unavailable when it is early.
    """
    session = repository.find(tx, session_id)
    if session is None:
        return
    if not repository.is_offer(session):
        _make_good(tx, session)
        return
    if session["acceptUntil"] > now:
        raise Unavailable("it is not time yet")
    preferences.change(tx, session["expertId"], {"onBreak": True}, now=now)
    misses = session["misses"] + 1
    if misses >= MISSES_MAX:
        service.cancel(tx, session, "not-accepted", now, on_break=True)
    else:
        _back_to_queue(tx, session, "not-accepted", misses, now, on_break=True)


def expert_gone(tx: Tx, expert_id: str, *, now: datetime) -> None:
    """The expert's portal is gone: what it was asked goes back to the queue."""
    for session_id in repository.expert_claims(tx, expert_id):
        session = repository.find(tx, session_id)
        if session is not None and repository.is_offer(session):
            _back_to_queue(tx, session, "expert-absent", session["misses"], now)


def _back_to_queue(
    tx: Tx, session: Doc, reason: CancelReason, misses: int, now: datetime, *, on_break: bool = False
) -> None:
    """To the place it had; one that never waited, before all who do: there was nobody when it came."""
    expert_id, uid = session["expertId"], session["userId"]
    joined_at = session["queuedAt"]
    if joined_at is None:
        first = tx.query(repository.queue_query(expert_id, 1))
        # By the database's clock those came later; by ours, maybe not.
        earlier = [entry["joinedAt"] - timedelta(milliseconds=1) for entry in first]
        joined_at = min([session["createdAt"], *earlier])
    fields = {
        "userName": session["userName"],
        "type": session["type"],
        "joinedAt": joined_at,
        "expiresAt": clock.after(joined_at, queue.WAIT_S),
        "offers": session["offers"],
        "misses": misses,
    }
    repository.add_entry(tx, expert_id, uid, fields)
    service.cancel(tx, session, reason, now, requeued=True, on_break=on_break)
    waits = {"expertId": expert_id, "position": 1, "pending": False, "reason": reason}
    tx.emit(user_room(uid), "queue-status", waits)


def _of_expert(tx: Tx, session_id: str, uid: str) -> Doc:
    session = repository.find(tx, session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    if uid != session["expertUid"]:
        raise Forbidden("it is not a request to you", code="NOT_A_PARTICIPANT")
    if repository.is_booked(session):
        raise Conflict("a booked session is not accepted by hand", code="NOT_A_REQUEST")
    return session


def _make_good(tx: Tx, session: Doc) -> None:
    """Schedule what a crash after the cancellation may have left out. The task's name is spent with its first use, so
    not before the end."""
    if session["status"] == "cancelled":
        schedule.advance(tx, session["expertId"], session["id"], tell=True)

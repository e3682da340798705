"""A per-minute session from its request to its settlement (design, "A per-minute session")."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import clock
from konnect.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable
from konnect.experts import service as experts
from konnect.ledger import service as ledger
from konnect.money import rupees
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import user_room
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import billing, queue, repository, schedule
from .metering import ABSENCE_REASONS, EndReason, Meter, Pace, Side, warning

log = logging.getLogger(__name__)

SessionType = Literal["chat", "call", "video"]


@dataclass(frozen=True)
class Requested:
    """Exactly one of: the session (started now, or running already), or waiting in the queue."""

    session: Doc | None
    waiting: bool


# Request and start


def request(
    tx: Tx,
    *,
    uid: str,
    name: str,
    expert_id: str,
    type: SessionType,
    session_id: str,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Requested:
    """Start a session if the expert is free and nobody waits, else join the queue. Asking again changes nothing.

    Raises NotFound (EXPERT_NOT_FOUND), BadRequest (oneself), Conflict (EXPERT_OFFLINE, ALREADY_IN_SESSION, QUEUE_FULL),
    PaymentRequired when the wallet does not cover the first minute.
    """
    tx.prefetch(("experts", expert_id), ("wallets", uid), *repository.claim_paths(expert_id, uid))
    expert = experts.get(tx, expert_id)
    if expert["firebaseUid"] == uid:
        raise BadRequest.field("expertId", "you can't start a session with yourself")
    running = repository.user_claim(tx, uid)
    if running is not None:
        session = repository.find(tx, running)
        if session is not None and session["expertId"] == expert_id:
            # A repeat schedules again what a crash may have left out.
            schedule.pending(tx, session, repository.meter_of(session, pace))
            return Requested(session, waiting=False)
        raise Conflict("you are in a session already", code="ALREADY_IN_SESSION")
    if not expert["available"]:
        raise Conflict("the expert is offline", code="EXPERT_OFFLINE")
    check_covered(tx, uid, expert["pricePerMinPaise"])
    if repository.entry(tx, expert_id, uid) is not None:
        if not _is_busy(tx, expert_id, config):
            schedule.advance(tx, expert_id, f"asked:{session_id}")
        return Requested(None, waiting=True)
    if _is_busy(tx, expert_id, config):
        queue.join(tx, expert_id, uid, name, type, now=now)
        return Requested(None, waiting=True)
    if tx.query(repository.queue_query(expert_id, 1)):
        # Free, but others wait: behind them, and make sure that somebody looks after the queue.
        queue.join(tx, expert_id, uid, name, type, now=now)
        schedule.advance(tx, expert_id, session_id)
        return Requested(None, waiting=True)
    session = start(tx, expert, uid=uid, name=name, type=type, session_id=session_id, config=config, pace=pace, now=now)
    return Requested(session, waiting=False)


def start(
    tx: Tx,
    expert: Doc,
    *,
    uid: str,
    name: str,
    type: SessionType,
    session_id: str,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """Claim both sides, charge minute 0 and schedule minute 1, in one transaction. Price and fee are frozen here."""
    price_paise = expert["pricePerMinPaise"]
    meter = Meter(now, pace, config.maxSessionDurationMins)
    session: Doc = {
        "userId": uid,
        "userName": name,
        "expertId": expert["id"],
        "expertUid": expert["firebaseUid"],
        "expertName": expert["name"],
        "type": type,
        "status": "in_progress",
        "pricePerMin": rupees(price_paise),
        "pricePerMinPaise": price_paise,
        "maxMinutes": config.maxSessionDurationMins,
        "startedAt": now,
        "createdAt": now,
        "updatedAt": now,
        "endedAt": None,
        "endReason": None,
        "warning": None,
        "heldPaise": 0,
        "shard": int(ledger.shard_of(session_id)),
        "nextTickAt": meter.due_at(1),
        **repository.meter_fields(meter, price_paise),
    }
    tx.create(("sessions", session_id), session)
    tx.create(("sessions", session_id, "private", "terms"), {"platformFeePercent": config.platformFeePercent})
    session["id"] = session_id
    repository.claim(tx, expert["id"], uid, session_id)
    billing.catch_up(tx, session, meter, now)
    assert meter.charged == 1, "the caller has checked that the wallet covers the first minute"
    # Somebody may have left between asking and now: absent from the start, and not for ever.
    meter.user_absent_since = None if presence.is_present(tx, uid) else now
    meter.expert_absent_since = None if presence.is_present(tx, session["expertUid"]) else now
    schedule.pending(tx, session, meter)
    started = {
        "chatId": session_id,
        "type": type,
        "pricePerMin": session["pricePerMin"],
        "startedAt": clock.iso(now),
    }
    tx.emit(user_room(uid), "chat-started", {**started, "expert": experts.public_view(expert)})
    tx.emit(user_room(session["expertUid"]), "chat-started", {**started, "user": {"id": uid, "name": name}})
    _save(tx, session, meter, now)
    return {**session, **(tx.get("sessions", session_id) or {})}


def check_covered(tx: Tx, uid: str, price_paise: int) -> None:
    """Raises PaymentRequired unless the wallet covers a minute."""
    available_paise = ledger.available(tx, uid)
    if available_paise < price_paise:
        raise ledger.insufficient(price_paise, available_paise)


def _is_busy(tx: Tx, expert_id: str, config: PlatformConfig) -> bool:
    return len(repository.expert_claims(tx, expert_id)) >= config.maxSessionsPerMentor


# Minutes


def progress(tx: Tx, session_id: str, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Bring a session up to date: minutes that came due, grace, absence, the longest length. Every timer of a session,
    a deposit and the sweep call this, as often as they like. `due` is the time that a timer was for.

    Raises Unavailable for a timer that is early.
    """
    session = repository.find(tx, session_id)
    if session is None:
        return
    if session["status"] != "in_progress":
        schedule.advance(tx, session["expertId"], session_id)
        return
    if due is not None and due > now:
        # A queue whose clock is ahead of ours: let it come again, since its name is spent once it is answered.
        raise Unavailable("it is not time yet")
    meter = repository.meter_of(session, pace)
    billing.catch_up(tx, session, meter, now)
    if meter.grace:
        billing.pay_owed(tx, session, meter, now, deferred=False)
    reason = meter.over(now)
    if reason is not None:
        _close(tx, session, meter, reason, now)
    else:
        schedule.pending(tx, session, meter)
        _save(tx, session, meter, now)


def set_absent(tx: Tx, session_id: str, side: Side, absent: bool, *, pace: Pace, now: datetime) -> None:
    """A side left or came back. After 60 s the session ends; minutes due meanwhile wait for the return."""
    session = repository.find(tx, session_id)
    if session is None or session["status"] != "in_progress":
        return
    meter = repository.meter_of(session, pace)
    if (meter.absences()[side] is not None) == absent:
        return
    # First what came due before this moment, by the state that held until now.
    billing.catch_up(tx, session, meter, now)
    reason = meter.over(now)
    if reason is not None:
        # Over before this moment, by a timer that is late or lost: a return does not revive it.
        _close(tx, session, meter, reason, now)
        return
    since = now if absent else None
    if side == "user":
        meter.user_absent_since = since
    else:
        meter.expert_absent_since = since
    if not absent and not any(meter.absences().values()) and meter.deferred:
        billing.pay_owed(tx, session, meter, now, deferred=True)
        if meter.deferred:
            meter.grace, meter.deferred = meter.owed(), []
            meter.begin_grace(now)
    schedule.pending(tx, session, meter)
    _save(tx, session, meter, now)


def _save(tx: Tx, session: Doc, meter: Meter, now: datetime) -> None:
    """Write what changed, and tell both sides of charges and warnings. Writes nothing when nothing changed."""
    price_paise = session["pricePerMinPaise"]
    fields = repository.meter_fields(meter, price_paise)
    balance_paise = ledger.available(tx, session["userId"])
    fields["warning"] = warning(balance_paise, price_paise, meter)
    fields["nextTickAt"] = meter.next_action_at()
    if all(session.get(name) == value for name, value in fields.items()):
        return
    tx.update(("sessions", session["id"]), {**fields, "updatedAt": now})
    if meter.charged != session["minutesCharged"]:
        _emit_billing(tx, session, meter, balance_paise)
    if fields["warning"] and fields["warning"] != session["warning"]:
        warned: dict[str, Any] = {"chatId": session["id"], "type": fields["warning"]}
        if meter.grace_until is not None:
            warned["graceUntil"] = clock.iso(meter.grace_until)
        for uid in (session["userId"], session["expertUid"]):
            tx.emit(user_room(uid), "chat-warning", warned)


def _emit_billing(tx: Tx, session: Doc, meter: Meter, balance_paise: int) -> None:
    update = {
        "chatId": session["id"],
        "duration": meter.charged,
        "totalCharged": rupees(meter.charged * session["pricePerMinPaise"]),
    }
    # The balance is the payer's alone.
    tx.emit(user_room(session["userId"]), "billing-update", {**update, "balance": rupees(balance_paise)})
    tx.emit(user_room(session["expertUid"]), "billing-update", update)


# End


def end(tx: Tx, session_id: str, *, by: str, pace: Pace, now: datetime) -> Doc:
    """End a session at a participant's word, and settle it. A repeat answers the ended session.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT).
    """
    session = repository.find(tx, session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    if by not in {session["userId"], session["expertUid"]}:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    if session["status"] != "in_progress":
        schedule.advance(tx, session["expertId"], session_id)
        return session
    meter = repository.meter_of(session, pace)
    return _close(tx, session, meter, "user-ended" if by == session["userId"] else "expert-ended", now)


def end_all(tx: Tx, uid: str, *, pace: Pace, now: datetime) -> list[str]:
    """End every running session of somebody whose account is closed, on either side. Returns their ids."""
    own = repository.user_claim(tx, uid)
    ended = []
    for session_id in [*([own] if own else []), *repository.expert_claims(tx, experts.id_of(tx, uid))]:
        session = repository.find(tx, session_id)
        if session is not None and session["status"] == "in_progress":
            _close(tx, session, repository.meter_of(session, pace), "admin-ended", now)
            ended.append(session_id)
    return ended


def _close(tx: Tx, session: Doc, meter: Meter, reason: EndReason, now: datetime) -> Doc:
    """Charge what is due and covered, settle, free both sides, tell them, and see to the queue."""
    session_id = session["id"]
    tx.prefetch(
        ("wallets", session["userId"]),
        ("wallets", session["expertUid"]),
        ("sessions", session_id, "private", "terms"),
        ("receivables", session["expertUid"]),
        *repository.claim_paths(session["expertId"], session["userId"]),
    )
    billing.catch_up(tx, session, meter, now)
    # A deferred minute is charged on the return alone: who ends it while a side is away is not better off for that.
    for_absence = reason in ABSENCE_REASONS.values() or any(meter.absences().values())
    billing.pay_owed(tx, session, meter, now, deferred=not for_absence)
    if reason == "expert-absent" and meter.expert_absent_since is not None:
        billing.give_back(tx, session, meter, meter.minute_at(meter.expert_absent_since), now)
    meter.close(for_absence=for_absence)
    terms = tx.get("sessions", session_id, "private", "terms") or {}
    share_paise, fee_paise = billing.settle(tx, session, terms["platformFeePercent"], now)
    price_paise = session["pricePerMinPaise"]
    total_paise = meter.charged * price_paise
    assert share_paise + fee_paise == total_paise, "the hold is what was charged"
    seconds = int((now - session["startedAt"]).total_seconds())
    ended: Doc = {
        **repository.meter_fields(meter, price_paise),
        "status": "completed",
        "endedAt": now,
        "endReason": reason,
        "durationSeconds": seconds,
        "warning": None,
        "nextTickAt": None,
        "updatedAt": now,
        "transactionId": f"{session_id}-payment" if total_paise else None,
    }
    tx.update(("sessions", session_id), ended)
    tx.update(
        ("sessions", session_id, "private", "terms"), {"earningPaise": share_paise, "platformFeePaise": fee_paise}
    )
    if total_paise:
        _write_transactions(tx, session, total_paise, share_paise, now)
    repository.release(tx, session["expertId"], session["userId"], session_id)
    summary = {
        "chatId": session_id,
        "duration": meter.charged,
        "durationSeconds": seconds,
        "totalCharged": rupees(total_paise),
        "reason": reason,
    }
    tx.emit(user_room(session["userId"]), "chat-ended", summary)
    tx.emit(user_room(session["expertUid"]), "chat-ended", {**summary, "earning": rupees(share_paise)})
    schedule.advance(tx, session["expertId"], session_id)
    return {**session, **ended}


def _write_transactions(tx: Tx, session: Doc, total_paise: int, share_paise: int, now: datetime) -> None:
    transactions.write(
        tx,
        f"{session['id']}-payment",
        uid=session["userId"],
        type="payment",
        status="completed",
        amount_paise=total_paise,
        description=f"Session with {session['expertName']}",
        reference_id=session["id"],
        now=now,
    )
    transactions.write(
        tx,
        f"{session['id']}-earning",
        uid=session["expertUid"],
        type="earning",
        status="completed",
        amount_paise=share_paise,
        description=f"Session with {session['userName']}",
        reference_id=session["id"],
        now=now,
    )

"""A per-minute session that runs: its minutes, absences, end and settlement (design, "A per-minute session")."""

import logging
from datetime import datetime
from typing import Any

from konnect import clock
from konnect.errors import Forbidden, NotFound, Unavailable
from konnect.experts import service as experts
from konnect.ledger import service as ledger
from konnect.money import rupees
from konnect.realtime import user_room
from konnect.store import Doc, Tx

from . import billing, repository, schedule, statement
from .booked import course
from .booked import service as booked
from .metering import ABSENCE_REASONS, CancelReason, EndReason, Meter, Pace, Side, warning

log = logging.getLogger(__name__)

# Minutes


def progress(tx: Tx, session_id: str, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Bring a session up to date: minutes that came due, grace, absence, the longest length. Every timer of a session,
    a deposit and the sweep call this, as often as they like. `due` is the time that a timer was for.

    Raises Unavailable for a timer that is early.
    """
    session = repository.find(tx, session_id)
    if session is None or repository.is_offer(session):
        return
    if repository.is_booked(session):
        course.progress(tx, session, pace=pace, now=now, due=due)
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
        save(tx, session, meter, now)


def set_absent(tx: Tx, session_id: str, side: Side, absent: bool, *, pace: Pace, now: datetime) -> None:
    """A side left or came back. After the pace's absence the session ends; minutes due meanwhile wait for the return. A
    booked one goes on, and counts what the expert misses."""
    session = repository.find(tx, session_id)
    if session is not None and repository.is_booked(session):
        course.attend(tx, session, side, pace=pace, now=now)
        return
    if session is None or session["status"] != "in_progress":
        return
    meter = repository.meter_of(session, pace)
    if (meter.absences()[side] is not None) == absent:
        # Maybe by this very change, whose commit was in doubt and whose timers are lost.
        schedule.pending(tx, session, meter)
        return
    # First what came due before this moment, by the state that held until now.
    billing.catch_up(tx, session, meter, now)
    reason = meter.over(now)
    if reason is not None:
        # Over before this moment, by a timer that is late or lost: a return does not revive it.
        _close(tx, session, meter, reason, now)
        return
    if side == "user":
        meter.user_absent_since = now if absent else None
    elif absent:
        meter.expert_absent_since = now
    else:
        meter.expert_is_back(now)
    if not absent and not any(meter.absences().values()) and meter.deferred:
        billing.pay_owed(tx, session, meter, now, deferred=True)
        if meter.deferred:
            meter.grace, meter.deferred = meter.owed(), []
            meter.begin_grace(now)
    schedule.pending(tx, session, meter)
    save(tx, session, meter, now)


def save(tx: Tx, session: Doc, meter: Meter, now: datetime) -> None:
    """Write what changed, and tell both sides of charges and warnings. Writes nothing when nothing changed."""
    fields = repository.meter_fields(meter)
    balance_paise = ledger.available(tx, session["userId"])
    fields["warning"] = warning(balance_paise, meter)
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
        # Once more for an attempt that is repeated: what is counted by it is a rate.
        log.info("session warned", extra={"session": session["id"], "warning": fields["warning"]})


def _emit_billing(tx: Tx, session: Doc, meter: Meter, balance_paise: int) -> None:
    update = {
        "chatId": session["id"],
        "duration": meter.charged,
        "totalCharged": rupees(meter.total_paise),
    }
    # The balance is the payer's alone.
    tx.emit(user_room(session["userId"]), "billing-update", {**update, "balance": rupees(balance_paise)})
    tx.emit(user_room(session["expertUid"]), "billing-update", update)


# End


def end(tx: Tx, session_id: str, *, by: str, pace: Pace, now: datetime) -> Doc:
    """End a session at a participant's word, and settle it; a request that nobody has accepted yet is cancelled. A
    repeat answers the ended session.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_NOT_STARTED, a booked one).
    """
    session = repository.find(tx, session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    if by not in {session["userId"], session["expertUid"]}:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    if repository.is_booked(session):
        return course.end(tx, session, "user-ended" if by == session["userId"] else "expert-ended", pace=pace, now=now)
    if repository.is_offer(session):
        return cancel(tx, session, "user-cancelled" if by == session["userId"] else "declined", now)
    if session["status"] != "in_progress":
        schedule.advance(tx, session["expertId"], session_id)
        return session
    meter = repository.meter_of(session, pace)
    return _close(tx, session, meter, "user-ended" if by == session["userId"] else "expert-ended", now)


def end_all(tx: Tx, uid: str, *, pace: Pace, now: datetime) -> list[str]:
    """End every running session of somebody whose account is closed, on either side, and cancel the requests that wait
    for acceptance; what is booked is cancelled by a task. Returns the ids of those that ran or waited."""
    booked.schedule_cancelling(tx, uid, now=now)
    own = repository.user_claim(tx, uid)
    ended = []
    for session_id in [*([own] if own else []), *repository.expert_claims(tx, experts.id_of(tx, uid))]:
        session = repository.find(tx, session_id)
        if session is not None and session["status"] == "in_progress":
            if repository.is_booked(session):
                course.end(tx, session, "admin-ended", pace=pace, now=now)
            else:
                _close(tx, session, repository.meter_of(session, pace), "admin-ended", now)
            ended.append(session_id)
        elif session is not None and repository.is_offer(session):
            cancel(tx, session, "admin-ended", now)
            ended.append(session_id)
    return ended


def cancel(
    tx: Tx,
    session: Doc,
    reason: CancelReason,
    now: datetime,
    *,
    note: str | None = None,
    requeued: bool = False,
    on_break: bool = False,
) -> Doc:
    """Close a request that has not become a session: nothing was charged. Both sides are freed and told, and the queue
    moves. `note`: the expert's own words to the user; `requeued`: the user waits on, and is told so by the caller;
    `on_break`: the expert has been put on a break, and is told."""
    session_id = session["id"]
    cancelled: Doc = {
        "status": "cancelled",
        "endReason": reason,
        "cancelledAt": now,
        "cancelledBy": {"user-cancelled": "user", "declined": "expert"}.get(reason, "platform"),
        "cancelReason": note,
        "durationSeconds": 0,
        "nextTickAt": None,
        "updatedAt": now,
    }
    tx.update(("sessions", session_id), cancelled)
    repository.release(tx, session["expertId"], session["userId"], session_id)
    summary = {"chatId": session_id, "duration": 0, "durationSeconds": 0, "totalCharged": 0, "reason": reason}
    if not requeued:
        tx.emit(user_room(session["userId"]), "chat-ended", {**summary, "note": note} if note else summary)
    of_expert = {**summary, "earning": 0, "onBreak": True} if on_break else {**summary, "earning": 0}
    tx.emit(user_room(session["expertUid"]), "chat-ended", of_expert)
    schedule.advance(tx, session["expertId"], session_id, tell=True)
    return {**session, **cancelled}


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
    total_paise = meter.total_paise
    assert share_paise + fee_paise == total_paise, "the hold is what was charged"
    seconds = int((now - session["startedAt"]).total_seconds())
    ended: Doc = {
        **repository.meter_fields(meter),
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
        text = f"Session with {session['expertName']}"
        statement.write(tx, session, f"{session_id}-payment", "user", "payment", total_paise, text, now=now)
        statement.write_earning(tx, session, share_paise, now=now)
    repository.release(tx, session["expertId"], session["userId"], session_id)
    summary = {
        "chatId": session_id,
        "duration": meter.charged,
        "durationSeconds": seconds,
        "totalCharged": rupees(total_paise),
        "reason": reason,
    }
    end_call(tx, session, reason)
    tx.emit(user_room(session["userId"]), "chat-ended", summary)
    tx.emit(user_room(session["expertUid"]), "chat-ended", {**summary, "earning": rupees(share_paise)})
    schedule.advance(tx, session["expertId"], session_id)
    return {**session, **ended}


def end_call(tx: Tx, session: Doc, reason: str) -> None:
    """A voice or video session is over: media flow past the server, so its call ends because both are told so."""
    if session["type"] != "chat":
        for uid in (session["userId"], session["expertUid"]):
            tx.emit(user_room(uid), "call-ended", {"chatId": session["id"], "reason": reason})

"""A booked session's course: reminder, who is there at its time, start, no-show, end.

It starts when both are there, from its time on, and ends when its time does, since somebody else may be booked behind
it. Every timer, connection and disconnection, and the sweep, come to `_look`, as often and as late as they like.
"""

import logging
from datetime import datetime, timedelta
from typing import Literal

from konnect import clock
from konnect.errors import Conflict, Unavailable
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.money import rupees
from konnect.presence import service as presence
from konnect.realtime import user_room
from konnect.store import Doc, Tx

from .. import repository, service
from ..metering import Pace, Side
from ..schedule import advance
from . import evidence, messages, policy, schedule, settlement
from . import service as booked
from .evidence import Evidence
from .policy import Split

log = logging.getLogger(__name__)

OPEN = ("confirmed", "in_progress")
EndedFor = Literal["completed", "user-ended", "expert-ended", "admin-ended"]
_MS = timedelta(milliseconds=1)


def progress(tx: Tx, session: Doc, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Do what has come due. `due`: the time that a timer was for. Raises Unavailable for a timer that is early."""
    if session["status"] not in OPEN:
        advance(tx, session["expertId"], session["id"])
        return
    if due is not None and due > now:
        raise Unavailable("it is not time yet")
    if _called_off(tx, session, pace, now):
        return
    if now >= session["scheduledAt"]:
        _look(tx, session, None, pace, now)
        return
    fields: Doc = {}
    if session["remindedAt"] is None and now >= schedule.remind_at(session["scheduledAt"], pace):
        messages.remind(tx, session, now=now)
        fields["remindedAt"] = now
    _save(tx, session, fields, pace, now)


def attend(tx: Tx, session: Doc, side: Side, *, pace: Pace, now: datetime) -> None:
    """A side has just come or gone; presence has it already."""
    if session["status"] not in OPEN or now < session["scheduledAt"]:
        return
    if not _called_off(tx, session, pace, now):
        _look(tx, session, side, pace, now)


def _called_off(tx: Tx, session: Doc, pace: Pace, now: datetime) -> bool:
    """Cancel a session that has not begun if the account of either side is closed by now: the task that should have
    done so (booked.schedule_cancelling) may be lost. Returns whether it did."""
    if session["status"] != "confirmed":
        return False
    people = (session["userId"], session["expertUid"])
    tx.prefetch(*(("users", uid) for uid in people))
    if not any(identity.is_closed(tx, uid) for uid in people):
        return False
    booked.cancel(tx, session, "platform", reason=None, pace=pace, now=now)
    return True


def end(tx: Tx, session: Doc, reason: EndedFor, *, pace: Pace, now: datetime) -> Doc:
    """End a running session before its time. A repeat answers the ended one. Raises Conflict (SESSION_NOT_STARTED)."""
    if session["status"] == "confirmed":
        raise Conflict("the session has not started; cancel it if you can't come", code="SESSION_NOT_STARTED")
    if session["status"] != "in_progress":
        advance(tx, session["expertId"], session["id"])
        return session
    known = evidence.of(session)
    assert known is not None
    return _finish(tx, session, known, reason, pace, now)


def _look(tx: Tx, session: Doc, changed: Side | None, pace: Pace, now: datetime) -> None:
    """Add up who was there until now, and act on who is there now. `changed`: the side that has just come or gone."""
    tx.prefetch(
        ("presence", session["userId"]),
        ("presence", session["expertUid"]),
        *repository.claim_paths(session["expertId"], session["userId"]),
    )
    user_there = presence.is_present(tx, session["userId"])
    expert_there = presence.is_present(tx, session["expertUid"])
    known = evidence.of(session)
    if known is None:
        # The first look: until this very change, it has been so from the beginning.
        known = Evidence(session["scheduledAt"], None, None)
        known.note(user_there=user_there != (changed == "user"), expert_there=expert_there != (changed == "expert"))
    if session["status"] == "in_progress":
        if now >= session["endsAt"]:
            _finish(tx, session, known, "completed", pace, now)
            return
        known.advance(now, running=True)
        known.note(user_there=user_there, expert_there=expert_there)
        _save(tx, session, known.fields, pace, now)
        return
    is_free = not _is_kept_busy(tx, session, pace, now)
    known.kept_busy = known.kept_busy or not is_free
    ready = user_there and expert_there and is_free
    # By the deadline's state: a timer that is late finds it unchanged, and a later arrival does not alter it.
    if now >= session["noShowAt"] and not (ready and known.both_there and now < session["endsAt"]):
        known.advance(session["noShowAt"], running=False)
        _not_held(tx, session, known, pace, now)
        return
    known.advance(now, running=False)
    known.note(user_there=user_there, expert_there=expert_there)
    if ready:
        _start(tx, session, known, pace, now)
    else:
        _save(tx, session, known.fields, pace, now)


def _is_kept_busy(tx: Tx, session: Doc, pace: Pace, now: datetime) -> bool:
    """Whether another session of either side goes on. One that should be over is ended first, a request that has not
    been accepted yet comes too late."""

    def others() -> list[str]:
        own = repository.user_claim(tx, session["userId"])
        return [*repository.expert_claims(tx, session["expertId"]), *([own] if own else [])]

    for session_id in others():
        other = repository.find(tx, session_id)
        if other is not None and repository.is_offer(other):
            service.cancel(tx, other, "booked", now)
        else:
            service.progress(tx, session_id, pace=pace, now=now)
    left = others()
    if left:
        log.warning("a booked session finds a side busy", extra={"session": session["id"], "others": left})
    return bool(left)


def _start(tx: Tx, session: Doc, known: Evidence, pace: Pace, now: datetime) -> None:
    repository.claim(tx, session["expertId"], session["userId"], session["id"])
    expert = tx.get("experts", session["expertId"]) or {}
    started = {
        "chatId": session["id"],
        "type": session["type"],
        "pricePerMin": session["pricePerMin"],
        "startedAt": clock.iso(now),
        "scheduledAt": clock.iso(session["scheduledAt"]),
        "endsAt": clock.iso(session["endsAt"]),
        "duration": session["bookedMinutes"],
    }
    shown = experts.public_view({**expert, "id": session["expertId"]})
    tx.emit(user_room(session["userId"]), "chat-started", {**started, "expert": shown})
    user = {"id": session["userId"], "name": session["userName"]}
    tx.emit(user_room(session["expertUid"]), "chat-started", {**started, "user": user})
    _save(tx, session, {**known.fields, "status": "in_progress", "startedAt": now}, pace, now)


def _finish(tx: Tx, session: Doc, known: Evidence, reason: EndedFor, pace: Pace, now: datetime) -> Doc:
    """Settle what took place. Whatever the reason given, what ends after its time has ended with it."""
    ends_at = session["endsAt"]
    ended_at = min(now, ends_at)
    if now >= ends_at:
        reason = "completed"
    known.advance(ended_at, running=True)
    away = known.expert_absent_since
    given_up = away is not None and ended_at - away >= schedule.length(policy.PATIENCE_MINS, pace)
    if reason in {"expert-ended", "admin-ended"} or (reason == "user-ended" and given_up):
        # The rest is not the user's doing.
        known.unserved_ms += (ends_at - ended_at) // _MS
    split = policy.served(session["pricePerMinPaise"], session["bookedMinutes"], known.unserved_ms, pace.minute_s)
    fields = {
        **known.fields,
        "endedAt": ended_at,
        "durationSeconds": int((ended_at - session["startedAt"]).total_seconds()),
    }
    minutes = split.kept_paise // session["pricePerMinPaise"]
    return _completed(tx, session, split, reason, minutes, fields, now)


def _not_held(tx: Tx, session: Doc, known: Evidence, pace: Pace, now: datetime) -> None:
    """Its time has passed without both: somebody did not come, they missed each other, or we were in the way."""
    late = now >= session["endsAt"] and session["seenUntil"] is None
    # Nobody looked during all of its time: what is known by now says nothing of who was there.
    waiting, patience = session["noShowAt"] - session["scheduledAt"], schedule.length(policy.PATIENCE_MINS, pace)
    outcome: policy.Outcome = "not-started" if late else known.outcome(waiting // _MS, patience // _MS)
    fields = {**known.fields, "durationSeconds": 0}
    if outcome == "user-no-show":
        terms = tx.get("sessions", session["id"], "private", "terms") or {}
        attended = policy.served(
            session["pricePerMinPaise"], session["bookedMinutes"], known.unserved_ms, pace.minute_s
        )
        split = policy.user_no_show(attended, terms["userNoShowChargePercent"])
        session = _completed(tx, session, split, outcome, 0, {**fields, "endedAt": now}, now)
    else:
        split = Split(0, session["totalAmountPaise"])
        fields |= {"cancelledAt": now, "cancelledBy": "platform"}
        session, _ = settlement.close(tx, session, split, status="cancelled", reason=outcome, fields=fields, now=now)
        for uid in (session["userId"], session["expertUid"]):
            tx.emit(user_room(uid), "chat-ended", settlement.summary(session, 0, 0))
    messages.not_held(tx, session, outcome, split, now=now)


def _completed(tx: Tx, session: Doc, split: Split, reason: str, minutes: int, fields: Doc, now: datetime) -> Doc:
    ended, share_paise = settlement.close(tx, session, split, status="completed", reason=reason, fields=fields, now=now)
    if session["status"] == "in_progress":
        service.end_call(tx, session, reason)
    summary = settlement.summary(ended, minutes, split.kept_paise)
    tx.emit(user_room(session["userId"]), "chat-ended", summary)
    tx.emit(user_room(session["expertUid"]), "chat-ended", {**summary, "earning": rupees(share_paise)})
    return ended


def _save(tx: Tx, session: Doc, fields: Doc, pace: Pace, now: datetime) -> None:
    """Write what changed, if anything did, and schedule what comes next."""
    after = {**session, **fields}
    after["nextTickAt"] = schedule.next_action_at(after, pace, now)
    changed = {name: after[name] for name in (*fields, "nextTickAt") if after[name] != session.get(name)}
    if changed:
        tx.update(("sessions", session["id"]), {**changed, "updatedAt": now})
    schedule.pending(tx, after, now)

"""A consult's course: accepted, begun when both are there, warned of its end, ended, in whatever order things come.

There is who has joined and is connected. Every timer, connection and disconnection, join and leave, and the sweep, come
to `_look`, as often and as late as they like: what was to happen before this moment happens first, at its own time.
"""

from datetime import datetime, timedelta
from typing import Literal

from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.errors import Forbidden, Unavailable
from konnect.identity import service as identity
from konnect.presence import service as presence
from konnect.sessions import claims
from konnect.sessions.booked import policy as booked
from konnect.sessions.booked.policy import Split
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, events, messages, policy, repository, schedule, settlement
from .attendance import Attendance

KIND = "consult"
"""Of its reservations in the calendars."""
_MS = timedelta(milliseconds=1)

CancelReason = Literal["not-accepted", "user-cancelled", "declined", "admin-ended"]


def progress(tx: Tx, consult_id: str, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Do what has come due. `due`: the time that a timer was for. Raises Unavailable for a timer that is early."""
    consult = repository.find(tx, consult_id)
    if consult is None:
        return
    if consult["status"] not in repository.OPEN:
        claims.moves_on(tx, consult["expertId"], consult_id)
        return
    if due is not None and due > now:
        raise Unavailable("it is not time yet")
    _look(tx, consult, {}, pace, now)


def attend(tx: Tx, consult_id: str, uid: str, *, pace: Pace, now: datetime) -> None:
    """Somebody's line has just come or gone; presence has it already."""
    consult = repository.find(tx, consult_id)
    if consult is None or consult["status"] not in repository.OPEN:
        return
    if consult[f"{access.side_of(consult, uid)}Joined"]:
        _look(tx, consult, {}, pace, now)


def join(tx: Tx, consult_id: str, uid: str, joined: bool, *, pace: Pace, now: datetime) -> Doc:
    """A side comes, or leaves. Before the acceptance it waits.

    Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (CONSULT_ENDED) for who comes too late.
    """
    consult = access.of_participant(tx, consult_id, uid)
    if consult["status"] not in repository.OPEN:
        if joined:
            raise access.ended(consult)
        return consult
    return _look(tx, consult, {f"{access.side_of(consult, uid)}Joined": joined}, pace, now)


def accept(tx: Tx, consult_id: str, uid: str, *, pace: Pace, now: datetime) -> Doc:
    """The consultant takes it: from now on it waits for both. Returns the consult as it is then, which may be over: its
    time was, or the user's account is closed. A repeat changes nothing.

    Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, ACCOUNT_DISABLED).
    """
    tx.peek(("consults", consult_id))
    consult = access.find(tx, consult_id)
    if consult["expertUid"] != uid:
        raise Forbidden("only the consultant accepts a consult", code="NOT_A_PARTICIPANT")
    if consult["status"] not in repository.OPEN:
        claims.moves_on(tx, consult["expertId"], consult_id)
        return consult
    if consult["acceptedAt"] is not None or now >= consult["expiresAt"]:
        return _look(tx, consult, {}, pace, now)
    tx.prefetch(("users", consult["userId"]), ("users", uid))
    identity.require_open(tx, uid)
    expires_at = now + schedule.length(consult["waitMins"], pace)
    fields = {**Attendance.begin(now).fields, "acceptedAt": now, "expiresAt": expires_at}
    messages.accepted(tx, consult, now=now)
    return _look(tx, {**consult, **fields}, fields, pace, now)


def end(tx: Tx, consult_id: str, uid: str, *, pace: Pace, now: datetime) -> Doc:
    """End it at a participant's word, and settle; one that has not begun is withdrawn or declined. A repeat, and who
    comes after its end, get the ended one. Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    # Both may end it at once, and twice: the second to commit is run again and finds it ended.
    tx.peek(("consults", consult_id))
    return _end(tx, access.of_participant(tx, consult_id, uid), uid, pace, now)


def end_all(tx: Tx, uid: str, *, pace: Pace, now: datetime) -> list[str]:
    """End every consult of somebody whose account is closed, on either side. Returns their ids."""
    found = (repository.find(tx, claimed) for claimed in claims.of(tx, uid))
    open_ones = [consult for consult in found if consult is not None and consult["status"] in repository.OPEN]
    for consult in open_ones:
        _end(tx, consult, None, pace, now)
    return [consult["id"] for consult in open_ones]


def _end(tx: Tx, consult: Doc, uid: str | None, pace: Pace, now: datetime) -> Doc:
    """`uid` None: the platform does."""
    if consult["status"] not in repository.OPEN:
        claims.moves_on(tx, consult["expertId"], consult["id"])
        return consult
    if _over_by(consult, pace, now):
        return _look(tx, consult, {}, pace, now)
    side = None if uid is None else access.side_of(consult, uid)
    if consult["status"] == "pending":
        reasons: dict[str | None, CancelReason] = {None: "admin-ended", "user": "user-cancelled", "expert": "declined"}
        return _cancel(tx, consult, reasons[side], uid, now)
    reason = "admin-ended" if side is None else f"{side}-ended"
    return _finish(tx, consult, Attendance.of(consult), reason, now, uid, pace, now)


def _over_by(consult: Doc, pace: Pace, now: datetime) -> bool:
    at = consult["expiresAt"] if consult["status"] == "pending" else schedule.over(consult, pace)[0]
    return bool(at <= now)


def _look(tx: Tx, consult: Doc, fields: Doc, pace: Pace, now: datetime) -> Doc:
    """Do what was due before; else add up who was there until now, and act on who is there now. `fields`: what else is
    to be written."""
    if consult["acceptedAt"] is None:
        if _over_by(consult, pace, now):
            return _cancel(tx, consult, "not-accepted", None, now)
        return _save(tx, consult, fields, pace, now)
    seen = Attendance.of(consult)
    active = consult["status"] == "active"
    if _over_by(consult, pace, now):
        if active:
            at, reason = schedule.over(consult, pace)
            return _finish(tx, consult, seen, reason, at, None, pace, now)
        return _not_held(tx, consult, seen, pace, now)
    after = {**consult, **fields}
    tx.prefetch(("presence", consult["userId"]), ("presence", consult["expertUid"]))
    seen.advance(now, running=active)
    seen.note(
        user_there=after["userJoined"] and presence.is_present(tx, consult["userId"]),
        expert_there=after["expertJoined"] and presence.is_present(tx, consult["expertUid"]),
    )
    fields = {**fields, **seen.fields}
    if not active and seen.both_there:
        ends_at = now + schedule.length(consult["durationMinutes"], pace)
        fields |= {"status": "active", "startedAt": now, "endsAt": ends_at, **reserve(tx, consult, ends_at, pace, now)}
        fields["warnAt"] = schedule.warn_at(ends_at, pace, now)
    elif active and any(at <= now for at in consult["warnAt"]):
        fields["warnAt"] = [at for at in consult["warnAt"] if at > now]
        left_ms = (consult["endsAt"] - now) // _MS
        events.ending(tx, consult, policy.seconds(left_ms, pace.minute_s))
    return _save(tx, consult, fields, pace, now)


def reserve(tx: Tx, consult: Doc, ends_at: datetime, pace: Pace, now: datetime) -> Doc:
    """Take the time until then, and the buffer after it, in both calendars, instead of what it had. Returns the fields
    that say so. Raises SlotTaken."""
    people = (consult["userId"], consult["expertUid"])
    begins, until = consult["reservedFrom"], ends_at + schedule.length(consult["bufferMins"], pace)
    if consult["reservedUntil"] is not None:
        calendar.release(tx, people, consult["id"], begins, consult["reservedUntil"])
    calendar.reserve(tx, people, Reservation(consult["id"], begins, until, KIND), now=now)
    return {"reservedUntil": until}


def _save(tx: Tx, consult: Doc, fields: Doc, pace: Pace, now: datetime) -> Doc:
    """Write what changed, if anything did, tell of it, and schedule what comes next."""
    after = {**consult, **fields}
    after["nextTickAt"] = schedule.next_action_at(after, pace)
    changed = {name: after[name] for name in (*fields, "nextTickAt")}
    before = tx.get("consults", consult["id"]) or {}
    if any(before.get(name) != value for name, value in changed.items()):
        tx.update(("consults", consult["id"]), {**changed, "updatedAt": now})
        if any(before.get(name) != after[name] for name in _TOLD):
            events.updated(tx, after)
    schedule.pending(tx, after)
    return after


_TOLD = ("status", "acceptedAt", "userJoined", "expertJoined", "endsAt")


def _cancel(tx: Tx, consult: Doc, reason: CancelReason, by: str | None, now: datetime) -> Doc:
    """It has not begun: everything goes back."""
    split = Split(0, consult["heldPaise"])
    return settlement.close(
        tx, consult, split, status="cancelled", reason=reason, by=by, fields={"endedAt": now}, now=now
    )


def _not_held(tx: Tx, consult: Doc, seen: Attendance, pace: Pace, now: datetime) -> Doc:
    """The time to come is over, and not both were there: the rules of booked sessions say who is to blame."""
    deadline, held_paise = consult["expiresAt"], consult["heldPaise"]
    seen.advance(deadline, running=False)
    seen.close()
    waiting, patience = deadline - consult["acceptedAt"], schedule.length(booked.PATIENCE_MINS, pace)
    outcome = seen.known.outcome(waiting // _MS, patience // _MS)
    split = Split(0, held_paise)
    if outcome == "user-no-show":
        terms = repository.terms(tx, consult["id"])
        attended = booked.served(
            consult["pricePerMinPaise"], consult["durationMinutes"], seen.known.unserved_ms, pace.minute_s
        )
        split = booked.user_no_show(attended, terms["userNoShowChargePercent"])
    status: Literal["completed", "cancelled"] = "completed" if outcome == "user-no-show" else "cancelled"
    fields = {**seen.fields, "endedAt": deadline}
    return settlement.close(tx, consult, split, status=status, reason=outcome, by=None, fields=fields, now=now)


def _finish(
    tx: Tx, consult: Doc, seen: Attendance, reason: str, at: datetime, by: str | None, pace: Pace, now: datetime
) -> Doc:
    """It ends at that time: paid is the time in which both were there, the rest goes back."""
    seen.advance(at, running=True)
    if reason == "user-ended":
        seen.user_is_back()
    seen.close()
    seconds = policy.seconds(seen.together_ms, pace.minute_s)
    kept_paise = min(policy.earned(consult["pricePerMinPaise"], seconds), consult["heldPaise"])
    split = Split(kept_paise, consult["heldPaise"] - kept_paise)
    fields = {**seen.fields, "endedAt": at, "seconds": seconds}
    return settlement.close(tx, consult, split, status="completed", reason=reason, by=by, fields=fields, now=now)

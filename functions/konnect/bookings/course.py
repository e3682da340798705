"""A booking's course: the end of an unpaid hold, its time, its completion; cancelling and moving it.

Every timer and the sweep come to `progress`, as often and as late as they like.
"""

from datetime import datetime, timedelta
from typing import Literal

from konnect.availability import service as availability
from konnect.calendar import service as calendar
from konnect.errors import Conflict, Forbidden, Unavailable
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.payments import repository as orders
from konnect.platform import PlatformConfig
from konnect.sessions.booked import policy
from konnect.sessions.booked.policy import Split
from konnect.sessions.booked.service import check_running
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.subscriptions import service as subscriptions

from . import benefits, messages, reminders, repository, schedule, service, settlement

By = Literal["student", "mentor", "admin"]
_POLICY: dict[str, policy.By] = {"student": "user", "mentor": "expert", "admin": "platform"}


def progress(tx: Tx, booking_id: str, *, pace: Pace, now: datetime, due: datetime | None = None) -> None:
    """Do what has come due. `due`: the time that a timer was for. Raises Unavailable for a timer that is early."""
    booking = repository.find(tx, booking_id)
    if booking is None or not booking["isOpen"]:
        return
    if due is not None and due > now:
        raise Unavailable("it is not time yet")
    if booking["status"] == "pending":
        if booking["heldUntil"] <= now:
            expire(tx, booking, now=now)
        else:
            schedule.pending(tx, booking, now)
        return
    if _called_off(tx, booking, pace, now):
        return
    at = schedule.next_action_at(booking, pace)
    if booking["status"] == "in_progress" and at is not None and at <= now:
        _complete(tx, booking, now)
        return
    if booking["status"] == "confirmed" and booking["scheduledAt"] <= now:
        booking = _start(tx, booking, pace, now)
    elif booking["status"] == "confirmed":
        booking = reminders.send(tx, booking, now=now)
    schedule.pending(tx, booking, now)


def _called_off(tx: Tx, booking: Doc, pace: Pace, now: datetime) -> bool:
    """Cancel a booking that has not begun if the account of either side is closed by now: the task that should have
    done so (tasks.schedule_cancelling) may be lost. Returns whether it did."""
    if booking["status"] != "confirmed":
        return False
    tx.prefetch(*(("users", uid) for uid in booking["participants"]))
    if not any(identity.is_closed(tx, uid) for uid in booking["participants"]):
        return False
    cancel(tx, booking, "admin", reason=None, pace=pace, now=now)
    return True


def expire(tx: Tx, booking: Doc, *, tell: bool = True, now: datetime) -> None:
    """Nobody has paid in time: the slot is free again. `tell` the student, unless there is more to say."""
    order_id = booking["payment"]["orderId"]
    order = orders.order(tx, order_id) if order_id else None
    failed = order is not None and order["lastFailure"] is not None
    payment = {**booking["payment"], "status": "failed"} if failed else booking["payment"]
    booking = _free(tx, booking, "payment-failed" if failed else "expired", now, payment=payment)
    if tell:
        messages.lapsed(tx, booking, now=now)


def give_up(tx: Tx, booking_id: str, *, now: datetime) -> None:
    """A booking that has not come to an order."""
    booking = repository.get(tx, booking_id)
    if booking["status"] == "pending" and booking["payment"]["orderId"] is None:
        _free(tx, booking, "payment-unavailable", now)


def cancel(tx: Tx, booking: Doc, by: By, *, reason: str | None, pace: Pace, now: datetime) -> Doc:
    """Cancel a booking; what was paid goes back as the policy says (sessions/booked/policy.py). A repeat answers the
    cancelled one. Raises Conflict (SESSION_RUNNING, SESSION_ENDED, TOO_LATE_TO_CANCEL).
    """
    if booking["status"] == "cancelled":
        return booking
    if booking["status"] == "completed":
        raise Conflict("the session has ended", code="SESSION_ENDED")
    fields: Doc = {"cancelledBy": by, "cancelledAt": now, "cancellationReason": reason}
    if booking["status"] == "pending":
        return _free(tx, booking, f"{by}-cancelled", now, **fields)
    split = policy.cancellation(
        booking["heldPaise"], by=_POLICY[by], ahead=booking["scheduledAt"] - now, minute_s=pace.minute_s
    )
    if split is None:
        raise Conflict("the session's time has come; it can't be cancelled any more", code="TOO_LATE_TO_CANCEL")
    booking = settlement.close(tx, booking, split, status="cancelled", reason=f"{by}-cancelled", fields=fields, now=now)
    messages.cancelled(tx, booking, by, split, now=now)
    return booking


def reschedule(
    tx: Tx, booking: Doc, uid: str, scheduled_at: datetime, *, config: PlatformConfig, pace: Pace, now: datetime
) -> Doc:
    """Move a booking, once, free, more than 24 hours ahead, to a time that is open. The same again changes nothing.

    Raises Forbidden (STUDENT_ONLY), NotFound (EXPERT_NOT_FOUND: the mentor has gone), Conflict (NOT_CONFIRMED,
    ALREADY_RESCHEDULED, TOO_LATE_TO_RESCHEDULE, PACKAGE_EXPIRED, SLOT_TAKEN, SLOT_NOT_OPEN, EXPERT_BUSY,
    ALREADY_IN_SESSION).
    """
    if booking["studentId"] != uid:
        raise Forbidden("the student moves a session; as its mentor, cancel it", code="STUDENT_ONLY")
    if booking["status"] != "confirmed":
        raise Conflict(f"the booking is {booking['status']}", code="NOT_CONFIRMED")
    if booking["scheduledAt"] == scheduled_at:
        return booking
    if booking["rescheduledFrom"] is not None:
        raise Conflict("it was moved once already", code="ALREADY_RESCHEDULED")
    if booking["scheduledAt"] - now <= timedelta(seconds=policy.FULL_MINS * pace.minute_s):
        raise Conflict("it begins within 24 hours", code="TOO_LATE_TO_RESCHEDULE")
    duration = timedelta(minutes=booking["duration"])
    ends_at, booking_id, people = scheduled_at + duration, booking["id"], tuple(booking["participants"])
    benefits.check_end(tx, booking, ends_at)
    expert = experts.get(tx, booking["mentorId"])
    tx.peek(
        *calendar.paths(people, booking["scheduledAt"], booking["endsAt"]),
        *calendar.paths(people, scheduled_at, ends_at),
    )
    horizon = subscriptions.horizon(tx, uid, config, now=now)
    if not availability.is_free(tx, expert, scheduled_at, duration, but=booking_id, horizon=horizon, now=now):
        calendar.release(tx, people, booking_id, booking["scheduledAt"], booking["endsAt"])
        raise service.closed(tx, booking["mentorUid"], scheduled_at, ends_at, now)
    check_running(tx, uid, expert, scheduled_at, config, pace)
    calendar.release(tx, people, booking_id, booking["scheduledAt"], booking["endsAt"])
    service.place(tx, people, booking_id, scheduled_at, ends_at, held_until=None, uid=uid, now=now)
    moved: Doc = {
        "rescheduledFrom": booking["scheduledAt"],
        "scheduledAt": scheduled_at,
        "endsAt": ends_at,
        **reminders.planned(scheduled_at, pace, now),
    }
    moved["nextActionAt"] = reminders.next_action_at(moved)
    repository.update(tx, booking_id, now=now, **moved)
    booking = {**booking, **moved, "updatedAt": now}
    schedule.pending(tx, booking, now)
    messages.moved(tx, booking, now=now)
    return booking


def complete(tx: Tx, booking: Doc, uid: str, *, now: datetime) -> Doc:
    """The mentor says that it has taken place; from its beginning on. A repeat answers the completed one.

    Raises Forbidden (MENTOR_ONLY), Conflict (SESSION_NOT_STARTED, NOT_CONFIRMED).
    """
    if booking["mentorUid"] != uid:
        raise Forbidden("the mentor completes a session", code="MENTOR_ONLY")
    if booking["status"] == "completed":
        return booking
    if booking["status"] not in {"confirmed", "in_progress"}:
        raise Conflict(f"the booking is {booking['status']}", code="NOT_CONFIRMED")
    if now < booking["scheduledAt"]:
        raise Conflict("the session has not begun; cancel it if you can't come", code="SESSION_NOT_STARTED")
    return _complete(tx, booking, now)


def _start(tx: Tx, booking: Doc, pace: Pace, now: datetime) -> Doc:
    started = {**booking, "status": "in_progress", "startedAt": booking["scheduledAt"]}
    started["nextActionAt"] = schedule.next_action_at(started, pace)
    changed = {name: started[name] for name in ("status", "startedAt", "nextActionAt")}
    repository.update(tx, booking["id"], now=now, **changed)
    return started


def _complete(tx: Tx, booking: Doc, now: datetime) -> Doc:
    split = Split(booking["heldPaise"], 0)
    booking = settlement.close(
        tx, booking, split, status="completed", reason="completed", fields={"completedAt": now}, now=now
    )
    messages.completed(tx, booking, now=now)
    return booking


def _free(tx: Tx, booking: Doc, reason: str, now: datetime, **fields: object) -> Doc:
    """End an unpaid booking. A payment may still come: payment.py sees to it."""
    assert booking["heldPaise"] == 0, f"{booking['id']} has been paid"
    ended: Doc = {
        "cancelledAt": now,
        **fields,
        "status": "cancelled",
        "statusReason": reason,
        "isOpen": False,
        "heldUntil": None,
        "nextActionAt": None,
    }
    repository.update(tx, booking["id"], now=now, **ended)
    benefits.free(tx, booking, now=now)
    calendar.release(tx, booking["participants"], booking["id"], booking["scheduledAt"], booking["endsAt"])
    return {**booking, **ended, "updatedAt": now}

"""Booking a session for a time, and cancelling one (policy.py has what goes back).

sessions/{id} of mode "booked": {scheduledAt, endsAt, bookedMinutes, noShowAt, remindedAt, cancelledAt, cancelledBy,
cancelReason, releasedPaise, …} beside what every session has; `totalAmount` is its price, `refundedAmount` what came
back of it. Price, fee and the share of a user who does not come are frozen when it is booked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from konnect import clock, idempotency
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation, SlotTaken
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.experts import preferences
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.ledger import service as ledger
from konnect.money import inr, rupees
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Query, Tx
from konnect.tasks import Task

from .. import repository
from ..metering import Pace
from ..schedule import advance
from . import evidence, messages, policy, schedule, settlement
from .policy import By

CANCEL_ALL = "/sessions/cancel-all"
BATCH = 100


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `price_paise`: the price that the client showed, None if it sent none. `session_id`: of the
    session, if it is a new one."""

    uid: str
    expert_id: str
    type: Literal["chat", "call", "video"]
    scheduled_at: datetime
    minutes: int
    price_paise: int | None
    session_id: str


def book(
    tx: Tx, wanted: Wanted, *, key: idempotency.Key | None, config: PlatformConfig, pace: Pace, now: datetime
) -> Doc:
    """Book a session and hold its price. The same request again answers the session that it has made.

    Raises NotFound (EXPERT_NOT_FOUND), BadRequest (oneself, scheduledAt, duration), Conflict (SLOT_TAKEN, EXPERT_BUSY,
    ALREADY_IN_SESSION, NOT_ACCEPTING_BOOKINGS, PRICE_CHANGED), Forbidden (ACCOUNT_DISABLED), PaymentRequired.
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return _found(tx, answered["sessionId"])
    ends_at = wanted.scheduled_at + schedule.length(wanted.minutes, pace)
    tx.prefetch(
        ("experts", wanted.expert_id),
        ("expertsByUid", wanted.uid),
        ("users", wanted.uid),
        *repository.claim_paths(wanted.expert_id, wanted.uid),
    )
    identity.require_open(tx, wanted.uid)
    expert = experts.get(tx, wanted.expert_id)
    if expert["firebaseUid"] == wanted.uid:
        raise BadRequest.field("expertId", "you can't book a session with yourself")
    expert_uid = _bookable(tx, expert)
    people = (wanted.uid, expert_uid)
    tx.prefetch(
        *repository.claim_paths(expert["id"], expert_uid),
        *repository.claim_paths(experts.id_of(tx, wanted.uid), wanted.uid),
    )
    messages.read_ahead(tx, wanted.session_id, people, "booking_confirmed")
    # Without locks, and last, so that it changes seldom until the commit: many may want this time, or one ask often.
    tx.peek(("wallets", wanted.uid), *calendar.paths(people, wanted.scheduled_at, ends_at))
    session = _same(tx, wanted, ends_at, now)
    if session is None:
        _check_time(wanted, config, pace, now)
        check_running(tx, wanted.uid, expert, wanted.scheduled_at, config, pace)
        session = _create(tx, wanted, expert, ends_at, config, pace, now)
    idempotency.record(tx, key, {"sessionId": session["id"]}, now=now)
    return session


def _bookable(tx: Tx, expert: Doc) -> str:
    """The uid of an expert who can be booked."""
    uid: str | None = expert["firebaseUid"]
    # Read here too, so that an account that is being closed is not booked meanwhile.
    if uid is None or identity.is_closed(tx, uid) or not preferences.bookable(expert):
        raise Conflict("the expert takes no bookings", code="NOT_ACCEPTING_BOOKINGS")
    return uid


def _same(tx: Tx, wanted: Wanted, ends_at: datetime, now: datetime) -> Doc | None:
    """The session that this very request has made before."""
    for taken in calendar.overlapping(tx, wanted.uid, wanted.scheduled_at, ends_at, now=now):
        if (taken.kind, taken.begins, taken.ends) != (settlement.KIND, wanted.scheduled_at, ends_at):
            continue
        session = repository.find(tx, taken.id)
        asked = {"userId": wanted.uid, "expertId": wanted.expert_id, "type": wanted.type}
        if session is not None and asked.items() <= session.items():
            if session["nextTickAt"] is not None:
                schedule.pending(tx, session, now)
            return session
    return None


def _check_time(wanted: Wanted, config: PlatformConfig, pace: Pace, now: datetime) -> None:
    if not policy.SHORTEST_MINS <= wanted.minutes <= config.maxSessionDurationMins:
        limits = f"from {policy.SHORTEST_MINS} to {config.maxSessionDurationMins} minutes"
        raise BadRequest.field("duration", f"must be {limits}")
    if wanted.scheduled_at < now + schedule.length(config.bookingNoticeMins, pace):
        raise BadRequest.field("scheduledAt", f"must be at least {config.bookingNoticeMins} minutes from now")
    if wanted.scheduled_at > now + schedule.length(config.bookingHorizonDays * 24 * 60, pace):
        raise BadRequest.field("scheduledAt", f"must be within {config.bookingHorizonDays} days")


def check_running(tx: Tx, uid: str, expert: Doc, scheduled_at: datetime, config: PlatformConfig, pace: Pace) -> None:
    """Nobody is booked for a time that a session by the minute may last into, which they are in on either side.
    Raises Conflict (EXPERT_BUSY, ALREADY_IN_SESSION)."""
    own_id = experts.id_of(tx, uid)
    for code, message, expert_id, person in (
        ("EXPERT_BUSY", "the expert is in a session that may last until then", expert["id"], expert["firebaseUid"]),
        ("ALREADY_IN_SESSION", "you are in a session that may last until then", own_id, uid),
    ):
        free_at = running_until(tx, expert_id, person, config, pace)
        if free_at is not None and free_at > scheduled_at:
            raise Conflict(message, code=code, details=[{"freeAt": clock.iso(free_at)}])


def running_until(tx: Tx, expert_id: str, uid: str, config: PlatformConfig, pace: Pace) -> datetime | None:
    """Until when a session by the minute that somebody is in, on either side, may last, with its buffer; None: in none.
    Nothing is booked before."""
    as_user = repository.user_claim(tx, uid)
    latest: datetime | None = None
    for session_id in [*repository.expert_claims(tx, expert_id), *([as_user] if as_user else [])]:
        session = repository.find(tx, session_id)
        # A booked one is in the calendar, to the second; one that waits for the expert's word has not begun, and will
        # find what is booked.
        if session is None or repository.is_booked(session) or session["startedAt"] is None:
            continue
        free_at = session["startedAt"] + schedule.length(session["maxMinutes"] + config.bookingBufferMins, pace)
        latest = max(latest or free_at, free_at)
    return latest


def look_until(tx: Tx, expert_id: str, uid: str, config: PlatformConfig, pace: Pace) -> datetime | None:
    """`running_until`, for one who only looks: without locks, so as not to be in the way of who begins a session."""
    tx.peek(*repository.claim_paths(expert_id, uid))
    as_user = repository.user_claim(tx, uid)
    tx.peek(*(("sessions", one) for one in [*repository.expert_claims(tx, expert_id), *([as_user] if as_user else [])]))
    return running_until(tx, expert_id, uid, config, pace)


def _create(
    tx: Tx, wanted: Wanted, expert: Doc, ends_at: datetime, config: PlatformConfig, pace: Pace, now: datetime
) -> Doc:
    rate_paise = expert["pricePerMinPaise"]
    price_paise = rate_paise * wanted.minutes
    if wanted.price_paise is not None and wanted.price_paise != price_paise:
        raise Conflict(
            f"the price is {inr(price_paise)} by now",
            code="PRICE_CHANGED",
            details=[{"price": rupees(price_paise), "pricePerMin": rupees(rate_paise)}],
        )
    session_id, expert_uid, begins = wanted.session_id, expert["firebaseUid"], wanted.scheduled_at
    reservation = Reservation(session_id, begins, ends_at, settlement.KIND)
    try:
        calendar.reserve(tx, (wanted.uid, expert_uid), reservation, now=now)
    except SlotTaken as taken:
        whose = "you have" if taken.uid == wanted.uid else "the expert has"
        details = [{"from": clock.iso(taken.by.begins), "to": clock.iso(taken.by.ends)}]
        raise Conflict(f"{whose} another booking then", code="SLOT_TAKEN", details=details) from taken
    # Too close for a reminder, the booking's own message is one.
    reminded = now if schedule.remind_at(begins, pace) <= now else None
    session: Doc = {
        "userId": wanted.uid,
        "userName": (tx.get("users", wanted.uid) or {}).get("name") or "User",
        "expertId": expert["id"],
        "expertUid": expert_uid,
        "expertName": expert["name"],
        "type": wanted.type,
        "mode": "booked",
        "status": "confirmed",
        "pricePerMin": rupees(rate_paise),
        "pricePerMinPaise": rate_paise,
        "scheduledAt": begins,
        "endsAt": ends_at,
        "bookedMinutes": wanted.minutes,
        "duration": wanted.minutes,
        "noShowAt": begins + schedule.length(min(config.noShowMins, wanted.minutes), pace),
        "totalAmount": rupees(price_paise),
        "totalAmountPaise": price_paise,
        "transactionId": f"{session_id}-payment",
        "heldPaise": 0,
        "releasedPaise": 0,
        "refundedAmount": 0,
        "refundedAmountPaise": 0,
        **evidence.NOTHING,
        **dict.fromkeys(("startedAt", "endedAt", "endReason", "durationSeconds", "warning", "graceUntil")),
        **dict.fromkeys(("cancelledAt", "cancelledBy", "cancelReason")),
        "remindedAt": reminded,
        "shard": int(ledger.shard_of(session_id)),
        "nextTickAt": begins if reminded else schedule.remind_at(begins, pace),
        "createdAt": now,
        "updatedAt": now,
    }
    tx.create(("sessions", session_id), session)
    tx.create(
        ("sessions", session_id, "private", "terms"),
        {
            "platformFeePercent": config.platformFeePercent,
            "userNoShowChargePercent": config.userNoShowChargePercent,
        },
    )
    session["id"] = session_id
    settlement.take(tx, session, price_paise, now)
    messages.booked(tx, session, now=now)
    schedule.pending(tx, session, now)
    return _found(tx, session_id)


def cancel(tx: Tx, session: Doc, by: By, *, reason: str | None, pace: Pace, now: datetime) -> Doc:
    """Cancel a booked session. A repeat answers the cancelled one.

    Raises Conflict (SESSION_RUNNING, SESSION_ENDED, TOO_LATE_TO_CANCEL).
    """
    if session["status"] == "cancelled":
        advance(tx, session["expertId"], session["id"])
        return session
    if session["status"] == "in_progress":
        raise Conflict("the session is running; end it instead", code="SESSION_RUNNING")
    if session["status"] != "confirmed":
        raise Conflict("the session has ended", code="SESSION_ENDED")
    split = policy.cancellation(
        session["totalAmountPaise"], by=by, ahead=session["scheduledAt"] - now, minute_s=pace.minute_s
    )
    if split is None:
        raise Conflict("the session's time has come; it can't be cancelled any more", code="TOO_LATE_TO_CANCEL")
    messages.read_ahead(tx, session["id"], (session["userId"], session["expertUid"]), "booking_cancelled")
    reasons = {"user": "user-cancelled", "expert": "expert-cancelled", "platform": "admin-ended"}
    fields = {"cancelledAt": now, "cancelledBy": by, "cancelReason": reason}
    session = settlement.close(tx, session, split, status="cancelled", reason=reasons[by], fields=fields, now=now)[0]
    messages.cancelled(tx, session, by, split, now=now)
    return session


def schedule_cancelling(tx: Tx, uid: str, *, now: datetime) -> None:
    """Cancel, soon, all that somebody whose account is closed is booked for: all money goes back."""
    tx.enqueue(Task(CANCEL_ALL, ("cancel-all", uid, now.isoformat()), {"uid": uid}))


def confirmed_of(db: Database, uid: str) -> set[str]:
    """Ids of sessions that are booked and not begun, on either side, BATCH of each at most."""
    found: set[str] = set()
    for field in ("userId", "expertUid"):
        query = Query(("sessions",), limit=BATCH).filter(field, "==", uid).filter("status", "==", "confirmed")
        found |= {session["id"] for session in query.run(db)}
    return found


def cancel_for_platform(tx: Tx, session_id: str, *, pace: Pace, now: datetime) -> None:
    session = repository.find(tx, session_id)
    if session is not None and repository.is_booked(session) and session["status"] == "confirmed":
        cancel(tx, session, "platform", reason=None, pace=pace, now=now)


def _found(tx: Tx, session_id: str) -> Doc:
    session = repository.find(tx, session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    return session

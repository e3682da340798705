"""Making a booking: the time is held for who pays, whoever else wants it.

A booking is made unpaid (`hold`), gets its order from the provider outside of any transaction (checkout.py), and is
seated by the payment (payment.py). What is not paid in time is freed (course.py).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from konnect import clock
from konnect.availability import service as availability
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation, SlotTaken
from konnect.errors import BadRequest, Conflict, KonnectError
from konnect.experts import mentoring, preferences, prices
from konnect.experts import service as experts
from konnect.money import CURRENCY, rupees
from konnect.platform import PlatformConfig
from konnect.rates.service import Rates
from konnect.sessions.booked.service import check_running
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import pricing, repository, schedule, settlement

CUSTOM = "Custom"
MOST_UNPAID = 3
"""Times that one student holds at once without paying."""
LATE = frozenset({"expired", "payment-failed"})
"""Why a booking was given up that a late payment brings back."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `price_paise`: what the student was shown to pay, None if it was not sent. `candidates`: ids
    for the booking, `room_name`: of its call."""

    uid: str
    mentor_id: str
    scheduled_at: datetime
    minutes: Literal[30, 60]
    topic: str
    agenda: str
    agreed: bool
    price_paise: int | None
    candidates: list[str]
    room_name: str

    @property
    def ends_at(self) -> datetime:
        return self.scheduled_at + timedelta(minutes=self.minutes)


def hold(
    tx: Tx, wanted: Wanted, rates: Rates, *, held: int, config: PlatformConfig, pace: Pace, now: datetime
) -> tuple[Doc, bool]:
    """The booking, held and unpaid, and whether it is a new one: the same request again, while its hold lasts, answers
    the booking that it has made. `held`: how many the student holds unpaid.

    Raises NotFound (EXPERT_NOT_FOUND), BadRequest (mentorId, duration, topic), Conflict (NOT_ACCEPTING_BOOKINGS,
    PRICE_CHANGED, TOO_MANY_UNPAID, SLOT_TAKEN, SLOT_NOT_OPEN, EXPERT_BUSY, ALREADY_IN_SESSION).
    """
    tx.prefetch(
        ("experts", wanted.mentor_id),
        ("availability", wanted.mentor_id),
        ("users", wanted.uid),
        ("expertsByUid", wanted.uid),
    )
    expert = experts.get(tx, wanted.mentor_id)
    mentor_uid = _bookable(tx, expert, wanted.uid)
    price_paise = _price(expert, wanted)
    bill = pricing.bill(price_paise, of_mentor(rates, expert, now))
    people = (wanted.uid, mentor_uid)
    # Without locks, and last, so that they change seldom until the commit: many may want this time.
    tx.peek(*calendar.paths(people, wanted.scheduled_at, wanted.ends_at))
    same = _same(tx, wanted, now)
    if same is not None:
        said = {"topic": wanted.topic, "agenda": wanted.agenda}
        if not said.items() <= same.items():
            repository.update(tx, same["id"], now=now, **said)
        schedule.pending(tx, same, now)
        return {**same, **said}, False
    if held >= MOST_UNPAID:
        raise Conflict("pay for what you have booked first, or cancel it", code="TOO_MANY_UNPAID")
    if wanted.price_paise is not None and wanted.price_paise != bill.total_paise:
        details = [{"price": rupees(bill.total_paise)}]
        raise Conflict(f"the price is {rupees(bill.total_paise)} INR by now", code="PRICE_CHANGED", details=details)
    duration = timedelta(minutes=wanted.minutes)
    if not availability.is_free(tx, expert, wanted.scheduled_at, duration, now=now):
        raise closed(tx, mentor_uid, wanted.scheduled_at, wanted.ends_at, now)
    check_running(tx, wanted.uid, expert, wanted.scheduled_at, config, pace)
    booking_id = next(one for one in wanted.candidates if tx.get("bookings", one) is None)
    held_until = schedule.held_until(wanted.scheduled_at, pace, now)
    place(tx, people, booking_id, wanted.scheduled_at, wanted.ends_at, held_until=held_until, uid=wanted.uid, now=now)
    booking = _document(tx, wanted, expert, bill, held_until, now)
    tx.create(("bookings", booking_id), booking)
    parts = pricing.divide(bill.total_paise, bill)
    terms = {**bill.rates.fields, **settlement.shares(parts, bill), "settledAt": None}
    tx.create(("bookings", booking_id, "private", "terms"), terms)
    booking = {**booking, "id": booking_id}
    schedule.pending(tx, booking, now)
    return booking, True


def of_mentor(rates: Rates, expert: Doc, now: datetime) -> Rates:
    """The rates of a booking with a mentor: a new one's commission can be waived."""
    waived = now < expert["createdAt"] + timedelta(days=rates.new_mentor_free_days)
    return replace(rates, commission_percent=0) if waived else rates


def place(
    tx: Tx,
    people: tuple[str, ...],
    booking_id: str,
    begins: datetime,
    ends: datetime,
    *,
    held_until: datetime | None,
    uid: str,
    now: datetime,
) -> None:
    """Into both calendars. `uid` is the student. Raises Conflict (SLOT_TAKEN)."""
    try:
        calendar.reserve(tx, people, Reservation(booking_id, begins, ends, settlement.KIND, held_until), now=now)
    except SlotTaken as taken:
        raise _taken("you have" if taken.uid == uid else "the mentor has", taken.by) from taken


def closed(tx: Tx, mentor_uid: str, begins: datetime, ends: datetime, now: datetime) -> KonnectError:
    """Why a time is not open: somebody else's by now, or outside of the mentor's hours."""
    for other in calendar.overlapping(tx, mentor_uid, begins, ends, now=now):
        return _taken("the mentor has", other)
    return Conflict("the mentor takes no bookings at that time", code="SLOT_NOT_OPEN")


def _taken(who: str, by: Reservation) -> Conflict:
    details = [{"from": clock.iso(by.begins), "to": clock.iso(by.ends)}]
    return Conflict(f"{who} another booking then", code="SLOT_TAKEN", details=details)


def _bookable(tx: Tx, expert: Doc, uid: str) -> str:
    """The uid of a mentor who can be booked."""
    mentor_uid: str | None = expert["firebaseUid"]
    if mentor_uid == uid:
        raise BadRequest.field("mentorId", "you can't book a session with yourself")
    # Read here too, so that an account that is being closed is not booked meanwhile.
    disabled = mentor_uid is None or (tx.get("users", mentor_uid) or {}).get("disabled")
    if mentor_uid is None or disabled or not preferences.of(expert)["acceptsBookings"] or not prices.of(expert):
        raise Conflict("the mentor takes no bookings", code="NOT_ACCEPTING_BOOKINGS")
    return mentor_uid


def _price(expert: Doc, wanted: Wanted) -> int:
    price_paise = prices.of(expert).get(wanted.minutes)
    if price_paise is None:
        raise BadRequest.field("duration", "the mentor has no sessions of that length")
    topics = [*(expert.get("topics") or mentoring.DEFAULT_TOPICS), CUSTOM]
    if wanted.topic not in topics:
        raise BadRequest.field("topic", f"must be one of {', '.join(topics)}")
    return price_paise


def _same(tx: Tx, wanted: Wanted, now: datetime) -> Doc | None:
    """The booking that this very request has made before, while it can be paid."""
    for taken in calendar.overlapping(tx, wanted.uid, wanted.scheduled_at, wanted.ends_at, now=now):
        if (taken.kind, taken.begins, taken.ends) != (settlement.KIND, wanted.scheduled_at, wanted.ends_at):
            continue
        found = repository.find(tx, taken.id)
        asked = {"studentId": wanted.uid, "mentorId": wanted.mentor_id, "status": "pending"}
        if found is not None and asked.items() <= found.items():
            return found
    return None


def _document(tx: Tx, wanted: Wanted, expert: Doc, bill: pricing.Bill, held_until: datetime, now: datetime) -> Doc:
    return {
        "studentId": wanted.uid,
        "studentName": (tx.get("users", wanted.uid) or {}).get("name") or "User",
        "mentorId": expert["id"],
        "mentorUid": expert["firebaseUid"],
        "mentorName": expert["name"],
        "mentorSlug": expert.get("slug"),
        "participants": [wanted.uid, expert["firebaseUid"]],
        "scheduledAt": wanted.scheduled_at,
        "endsAt": wanted.ends_at,
        "duration": wanted.minutes,
        "topic": wanted.topic,
        "agenda": wanted.agenda,
        "policyAgreedAt": now if wanted.agreed else None,
        "status": "pending",
        "statusReason": None,
        "isOpen": True,
        "heldUntil": held_until,
        "price": rupees(bill.price_paise),
        "pricePaise": bill.price_paise,
        "total": rupees(bill.total_paise),
        "totalPaise": bill.total_paise,
        "currency": CURRENCY,
        "payment": {"status": "pending", "orderId": None, "paymentId": None, "paidAt": None},
        "refund": None,
        "cancelledBy": None,
        "cancelledAt": None,
        "cancellationReason": None,
        "rescheduledFrom": None,
        "jitsiRoomName": wanted.room_name,
        "heldPaise": 0,
        "nextActionAt": held_until,
        "createdAt": now,
        "updatedAt": now,
        "confirmedAt": None,
        "startedAt": None,
        "completedAt": None,
    }

"""Making a booking: the time is held for who pays, whoever else wants it.

A booking is made unpaid (`hold`), gets its order from the provider outside of any transaction (checkout.py), and is
seated by the payment (payment.py). What is not paid in time is freed (course.py).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from konnect import clock
from konnect.availability import service as availability
from konnect.benefits import Ask, Benefit
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation, SlotTaken
from konnect.errors import BadRequest, Conflict, KonnectError
from konnect.experts import mentoring, preferences, prices
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.money import CURRENCY, inr, rupees
from konnect.packages import benefit as packages
from konnect.platform import PlatformConfig
from konnect.rates.service import Rates, of_mentor
from konnect.sessions.booked.service import check_running
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.subscriptions import service as subscriptions

from . import benefits, pricing, reminders, repository, schedule, settlement

CUSTOM = "Custom"
MOST_UNPAID = 3
"""Times that one student holds at once without paying."""
LATE = frozenset({"expired", "payment-failed"})
"""Why a booking was given up that a late payment brings back."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `price_paise`: what the student was shown, either what it costs or what is to pay of that in
    cash, None if it was not sent. `candidates`: ids for the booking."""

    uid: str
    mentor_id: str
    scheduled_at: datetime
    minutes: Literal[30, 60]
    topic: str
    agenda: str
    agreed: bool
    price_paise: int | None
    coupon_code: str | None
    package_purchase_id: str | None
    candidates: list[str]
    time_zone: str | None = None
    """The student's own, by its IANA name."""

    @property
    def ends_at(self) -> datetime:
        return self.scheduled_at + timedelta(minutes=self.minutes)


def hold(
    tx: Tx, wanted: Wanted, rates: Rates, *, held: int, config: PlatformConfig, pace: Pace, now: datetime
) -> tuple[Doc, bool]:
    """The booking, held and unpaid, and whether it is a new one: the same request again, while its hold lasts, answers
    the booking that it has made, with other benefits if it names another coupon. What benefits cover is still to be
    confirmed, in this transaction (payment.cover). `held`: how many the student holds unpaid.

    Raises NotFound (EXPERT_NOT_FOUND), BadRequest (mentorId, duration, topic, couponCode), Conflict
    (NOT_ACCEPTING_BOOKINGS, PRICE_CHANGED, TOO_MANY_UNPAID, SLOT_TAKEN, SLOT_NOT_OPEN, EXPERT_BUSY,
    ALREADY_IN_SESSION), and what the sources of benefits raise.
    """
    tx.prefetch(
        ("experts", wanted.mentor_id),
        ("availability", wanted.mentor_id),
        ("users", wanted.uid),
        ("expertsByUid", wanted.uid),
        ("subscribers", wanted.uid),
    )
    expert = experts.get(tx, wanted.mentor_id)
    mentor_uid = _bookable(tx, expert, wanted.uid)
    bill = _bill(tx, expert, wanted, rates, now)
    people = (wanted.uid, mentor_uid)
    with suppress(KonnectError):
        # Read before the calendars: who finds a coupon used must find there the booking of theirs that uses it.
        _offers(tx, wanted, bill, now)
    # Without locks, and last, so that they change seldom until the commit: many may want this time.
    tx.peek(*calendar.paths(people, wanted.scheduled_at, wanted.ends_at))
    same = _same(tx, wanted, now)
    if same is not None and not _asks_same(tx, same, wanted):
        return _renew(tx, same, wanted, bill, now), False
    if same is not None:
        said = {"topic": wanted.topic, "agenda": wanted.agenda}
        if not said.items() <= same.items():
            repository.update(tx, same["id"], now=now, **said)
        schedule.pending(tx, same, now)
        return {**same, **said}, False
    given = _offers(tx, wanted, bill, now)
    if held >= MOST_UNPAID and _payable(bill, given):
        raise Conflict("pay for what you have booked first, or cancel it", code="TOO_MANY_UNPAID")
    duration = timedelta(minutes=wanted.minutes)
    horizon = subscriptions.horizon(tx, wanted.uid, config, now=now)
    if not availability.is_free(tx, expert, wanted.scheduled_at, duration, horizon=horizon, now=now):
        raise closed(tx, mentor_uid, wanted.scheduled_at, wanted.ends_at, now)
    check_running(tx, wanted.uid, expert, wanted.scheduled_at, config, pace)
    booking_id = next(one for one in wanted.candidates if tx.get("bookings", one) is None)
    held_until = schedule.held_until(wanted.scheduled_at, pace, now)
    place(tx, people, booking_id, wanted.scheduled_at, wanted.ends_at, held_until=held_until, uid=wanted.uid, now=now)
    booking = {**_document(tx, wanted, expert, held_until, now), **_costs(bill, given)}
    booking |= reminders.planned(wanted.scheduled_at, pace, now)
    tx.create(("bookings", booking_id), booking)
    tx.create(("bookings", booking_id, "private", "terms"), _terms(bill))
    booking = {**booking, "id": booking_id}
    benefits.use(tx, booking, now=now)
    schedule.pending(tx, booking, now)
    return booking, True


def _bill(tx: Tx, expert: Doc, wanted: Wanted, rates: Rates, now: datetime) -> pricing.Bill:
    """What it costs: by the mentor's price and the rates of now, or by those that a package was bought at."""
    _check_topic(expert, wanted.topic)
    if wanted.package_purchase_id is not None:
        return pricing.bill(*packages.price(tx, wanted.package_purchase_id, wanted.uid))
    return pricing.bill(_price(expert, wanted), of_mentor(rates, expert, now))


def _offers(tx: Tx, wanted: Wanted, bill: pricing.Bill, now: datetime) -> list[Benefit]:
    """What is not to be paid in cash. Raises Conflict (PRICE_CHANGED) if that is not what the student was shown."""
    ask = Ask(
        uid=wanted.uid,
        mentor_id=wanted.mentor_id,
        minutes=wanted.minutes,
        price_paise=bill.price_paise,
        left_paise=bill.total_paise,
        scheduled_at=wanted.scheduled_at,
        code=wanted.coupon_code,
        purchase_id=wanted.package_purchase_id,
        is_first=wanted.coupon_code is not None and repository.is_first(tx, wanted.uid),
    )
    given = benefits.offers(tx, ask, now=now)
    payable_paise = _payable(bill, given)
    if wanted.price_paise not in {None, bill.total_paise, payable_paise}:
        details = [{"price": rupees(payable_paise), "total": rupees(bill.total_paise)}]
        raise Conflict(f"the price is {inr(payable_paise)} by now", code="PRICE_CHANGED", details=details)
    return given


def _payable(bill: pricing.Bill, given: list[Benefit]) -> int:
    return bill.total_paise - benefits.total(given)


def _asks_same(tx: Tx, booking: Doc, wanted: Wanted) -> bool:
    """Whether a request asks for the coupon and the package that its booking has."""
    has = {one["kind"]: one["id"] for one in booking["benefits"]}
    if booking["status"] != "pending" and "package" not in has:
        # Covered by a subscription, so that no coupon was needed.
        return wanted.package_purchase_id is None
    return (benefits.coupon_of(tx, booking), has.get("package")) == (wanted.coupon_code, wanted.package_purchase_id)


def _renew(tx: Tx, booking: Doc, wanted: Wanted, bill: pricing.Bill, now: datetime) -> Doc:
    """Another coupon, or none: what was to be used is free, and what is now is used. Its order, which is of another
    amount, is not the booking's any more: a payment of it goes back."""
    benefits.free(tx, booking, now=now)
    costs = _costs(bill, _offers(tx, wanted, bill, now))
    payment = booking["payment"]
    if costs["payablePaise"] != booking["payablePaise"]:
        payment = {**payment, "orderId": None}
    changed: Doc = {**costs, "payment": payment, "topic": wanted.topic, "agenda": wanted.agenda}
    repository.update(tx, booking["id"], now=now, **changed)
    tx.set(("bookings", booking["id"], "private", "terms"), _terms(bill))
    booking = {**booking, **changed}
    benefits.use(tx, booking, now=now)
    schedule.pending(tx, booking, now)
    return booking


def _costs(bill: pricing.Bill, given: list[Benefit]) -> Doc:
    payable_paise = _payable(bill, given)
    return {
        "price": rupees(bill.price_paise),
        "pricePaise": bill.price_paise,
        "total": rupees(bill.total_paise),
        "totalPaise": bill.total_paise,
        "benefits": [one.fields for one in given],
        "payable": rupees(payable_paise),
        "payablePaise": payable_paise,
    }


def _terms(bill: pricing.Bill) -> Doc:
    parts = pricing.divide(bill.total_paise, bill)
    return {**bill.rates.fields, **settlement.shares(parts, bill), "settledAt": None}


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
    closed = mentor_uid is None or identity.is_closed(tx, mentor_uid)
    if mentor_uid is None or closed or not preferences.bookable(expert) or not prices.of(expert):
        raise Conflict("the mentor takes no bookings", code="NOT_ACCEPTING_BOOKINGS")
    return mentor_uid


def _price(expert: Doc, wanted: Wanted) -> int:
    price_paise = prices.of(expert).get(wanted.minutes)
    if price_paise is None:
        raise BadRequest.field("duration", "the mentor has no sessions of that length")
    return price_paise


def _check_topic(expert: Doc, topic: str) -> None:
    topics = [*(expert.get("topics") or mentoring.DEFAULT_TOPICS), CUSTOM]
    if topic not in topics:
        raise BadRequest.field("topic", f"must be one of {', '.join(topics)}")


def _same(tx: Tx, wanted: Wanted, now: datetime) -> Doc | None:
    """The booking that this very request has made before, while it can be paid, or if there was nothing to pay."""
    for taken in calendar.overlapping(tx, wanted.uid, wanted.scheduled_at, wanted.ends_at, now=now):
        if (taken.kind, taken.begins, taken.ends) != (settlement.KIND, wanted.scheduled_at, wanted.ends_at):
            continue
        found = repository.find(tx, taken.id)
        asked = {"studentId": wanted.uid, "mentorId": wanted.mentor_id}
        if found is None or not asked.items() <= found.items():
            continue
        covered = found["status"] == "confirmed" and found["payablePaise"] == 0 and _asks_same(tx, found, wanted)
        if found["status"] == "pending" or covered:
            return found
    return None


def _document(tx: Tx, wanted: Wanted, expert: Doc, held_until: datetime, now: datetime) -> Doc:
    return {
        "studentId": wanted.uid,
        "studentName": (tx.get("users", wanted.uid) or {}).get("name") or "User",
        "studentTimeZone": wanted.time_zone,
        "mentorId": expert["id"],
        "mentorUid": expert["firebaseUid"],
        "mentorName": expert["name"],
        "mentorSlug": expert.get("slug"),
        "mentorTimeZone": expert.get("timeZone") or experts.TIME_ZONE,
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
        "currency": CURRENCY,
        "payment": {"status": "pending", "orderId": None, "paymentId": None, "paidAt": None},
        "refund": None,
        "reversedPaise": 0,
        "dispute": None,
        "cancelledBy": None,
        "cancelledAt": None,
        "cancellationReason": None,
        "rescheduledFrom": None,
        "jitsiRoomName": None,
        "recording": None,
        "sessionNotes": None,
        "review": None,
        "heldPaise": 0,
        "nextActionAt": held_until,
        "createdAt": now,
        "updatedAt": now,
        "confirmedAt": None,
        "startedAt": None,
        "completedAt": None,
    }

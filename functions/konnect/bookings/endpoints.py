"""/api/bookings, and POST /api/payments/create-order."""

from typing import Any

from konnect import clock, idempotency
from konnect.contacts import masked
from konnect.context import Context
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.integrations.razorpay.client import gateway
from konnect.money import rupees, to_paise
from konnect.platform import platform_config
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import checkout, course, no_show, notes, repository
from .schemas import (
    Booked,
    Booking,
    BookingDetail,
    BookingRequest,
    BookingsQuery,
    CancelRequest,
    Move,
    Notes,
    Order,
    OrderRequest,
)
from .service import Wanted

router = Router("Bookings")


@router.post(
    "/api/bookings",
    response=Booked,
    status=201,
    limit="bookings",
    errors=(404, 409, 502, 503),
    idempotent=True,
)
def book(call: Call, body: BookingRequest) -> dict[str, Any]:
    """Book a session with a mentor. The slot is held for ten minutes, within which `order` is to be paid: call
    `POST /api/payments/verify` with what the checkout returns, or wait for the booking to be confirmed. The same
    request again answers the same booking while it is held; with another coupon, at its price. What a package, a
    subscription or a coupon covers is not paid: if that is all of it, the booking is confirmed at once.
    """
    scheduled_at = clock.to_millisecond(body.scheduled_at)
    candidates = repository.candidates(f"{clock.business_day(call.now):%Y%m%d}")
    wanted = Wanted(
        uid=call.user.uid,
        mentor_id=body.mentor_id,
        scheduled_at=scheduled_at,
        minutes=body.duration,
        topic=body.topic,
        agenda=_shown(call.ctx, body.agenda),
        agreed=body.agreed_to_policy is True,
        price_paise=None if body.price is None else to_paise(body.price),
        coupon_code=body.coupon_code,
        package_purchase_id=body.package_purchase_id,
        candidates=candidates,
        time_zone=body.time_zone,
    )
    key = idempotency.key(call.user.uid, "booking", call.idempotency_key, body.model_dump(mode="json"))
    booking, order = checkout.start(call.ctx, gateway(call.ctx.settings), wanted, key=key, now=call.now)
    return {"booking": booking, "order": order}


@router.post("/api/payments/create-order", response=Order, limit="payments", errors=(403, 404, 409, 502, 503))
def create_order(call: Call, body: OrderRequest) -> dict[str, Any]:
    """The open order of a booking that waits for its payment, the same one each time while the slot is held."""
    gate, now = gateway(call.ctx.settings), call.now
    return checkout.open_order(call.ctx, gate, body.booking_id, call.user.uid, now=now)[1]


@router.get("/api/bookings", response=Listing[Booking])
def own_bookings(call: Call, query: BookingsQuery) -> dict[str, Any]:
    """The caller's bookings, as a student or as a mentor."""
    found = repository.listed(
        call.ctx.db,
        side=query.as_ or ("mentor" if call.user.role == "expert" else "student"),
        uid=call.user.uid,
        when=query.when,
        status=query.status,
        limit=query.limit,
        cursor=query.cursor,
        number=query.page,
    )
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/bookings/<booking_id>", response=BookingDetail, errors=(403, 404))
def one_booking(call: Call, booking_id: str) -> dict[str, Any]:
    """One booking, for its two participants."""

    def find(tx: Tx) -> dict[str, Any]:
        booking = repository.of_participant(tx, booking_id, call.user.uid)
        if booking["mentorUid"] != call.user.uid:
            return booking
        return {**booking, "earnings": earnings(repository.terms(tx, booking_id))}

    return call.ctx.run(find)


@router.put("/api/bookings/<booking_id>/cancel", response=Booking, errors=(403, 404, 409, 503))
def cancel(call: Call, booking_id: str, body: CancelRequest) -> dict[str, Any]:
    """Cancel a booking before its time. By the student more than 24 hours before, all that was paid goes back to where
    it came from; from 24 to 4 hours, half; later nothing; by the mentor, always all.
    """
    reason = _shown(call.ctx, body.reason)

    def work(tx: Tx) -> Doc:
        booking = repository.of_participant(tx, booking_id, call.user.uid)
        by: course.By = "student" if booking["studentId"] == call.user.uid else "mentor"
        return course.cancel(tx, booking, by, reason=reason, pace=_pace(call.ctx), now=call.now)

    return call.ctx.run(work)


@router.put("/api/bookings/<booking_id>/reschedule", response=Booking, errors=(403, 404, 409, 503))
def reschedule(call: Call, booking_id: str, body: Move) -> dict[str, Any]:
    """Move a booking to another open time of its mentor: by the student, once, more than 24 hours before."""
    config, moment = platform_config(call.ctx.db), clock.to_millisecond(body.scheduled_at)
    pace, uid = _pace(call.ctx), call.user.uid

    def work(tx: Tx) -> Doc:
        booking = repository.of_participant(tx, booking_id, uid)
        return course.reschedule(tx, booking, uid, moment, config=config, pace=pace, now=call.now)

    return call.ctx.run(work)


@router.put("/api/bookings/<booking_id>/complete", response=Booking, errors=(403, 404, 409, 503))
def complete(call: Call, booking_id: str) -> dict[str, Any]:
    """The mentor says that the session has taken place, from its beginning on; else it counts as completed five minutes
    after its end. The mentor's share is then due with the next payout.
    """

    def work(tx: Tx) -> Doc:
        booking = repository.of_participant(tx, booking_id, call.user.uid)
        return course.complete(tx, booking, call.user.uid, now=call.now)

    return call.ctx.run(work)


@router.put("/api/bookings/<booking_id>/notes", response=BookingDetail, errors=(403, 404, 409))
def write_notes(call: Call, booking_id: str, body: Notes) -> dict[str, Any]:
    """Write the notes of a session, as its mentor, from its beginning on; both see them in the booking. What was there
    is replaced. The student is told, once a day at most.
    """
    content, items = _shown(call.ctx, body.content), [_shown(call.ctx, item) for item in body.action_items]

    def work(tx: Tx) -> Doc:
        booking = repository.of_participant(tx, booking_id, call.user.uid)
        booking = notes.write(tx, booking, call.user.uid, content, items, now=call.now)
        return {**booking, "earnings": earnings(repository.terms(tx, booking_id))}

    return call.ctx.run(work)


@router.post("/api/bookings/<booking_id>/no-show", response=Booking, errors=(403, 404, 409, 503))
def claim_no_show(call: Call, booking_id: str) -> dict[str, Any]:
    """The other side did not come: from some minutes after the beginning until a day after the end, by who was in the
    call while the other was not. The mentor's absence gives everything back; the student's leaves the session paid. 409
    NO_EVIDENCE, if it was otherwise as far as we have seen: open a dispute.
    """
    config, pace, uid = platform_config(call.ctx.db), _pace(call.ctx), call.user.uid

    def work(tx: Tx) -> Doc:
        booking = repository.of_participant(tx, booking_id, uid)
        return no_show.claim(tx, booking, uid, config=config, pace=pace, now=call.now)

    return call.ctx.run(work)


def _shown(ctx: Context, text: str) -> str:
    """A text as the other side reads it: without mail addresses and phone numbers, unless configured otherwise."""
    return text if platform_config(ctx.db).maskContacts == "nowhere" else masked(text)


def earnings(terms: Doc) -> dict[str, Any]:
    """The terms on the wire."""
    return {
        "mentor": rupees(terms["mentorPaise"]),
        "commission": rupees(terms["commissionPaise"]),
        "gst": rupees(terms["gstPaise"]),
        "gatewayFee": rupees(terms["gatewayFeePaise"]),
        "settledAt": terms["settledAt"],
    }


def _pace(ctx: Context) -> Pace:
    return Pace.of(ctx.settings)

"""A booking's order at the provider: hold the time, call, record. One order a booking; the network is outside of every
transaction."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from konnect import idempotency, ids
from konnect.context import Context
from konnect.errors import Conflict, KonnectError
from konnect.integrations.razorpay.client import Gateway
from konnect.payments import customers
from konnect.payments import repository as orders
from konnect.platform import platform_config
from konnect.rates import service as rates
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import course, payment, repository, service, settlement
from .service import Wanted

log = logging.getLogger(__name__)


def start(
    ctx: Context, gateway: Gateway, wanted: Wanted, *, key: idempotency.Key | None, now: datetime
) -> tuple[Doc, dict[str, Any] | None]:
    """Hold a time and open its order: the booking, and what the checkout is opened with, None if there is nothing to
    pay: then it is confirmed.

    Raises as `service.hold`, and Unavailable or BadGateway when the provider fails: the time is free again then.
    """
    by = ids.new()
    answered = ctx.run(lambda tx: idempotency.reserve(tx, key, by=by, now=now)) if key else None
    if answered is not None:
        booking = ctx.run(partial(repository.get, booking_id=answered["bookingId"]))
        return booking, answer(ctx, gateway, booking) if booking["payablePaise"] else None
    made: Doc | None = None
    try:
        frozen, config, pace = rates.at(ctx.db, now), platform_config(ctx.db), Pace.of(ctx.settings)
        held = repository.unpaid(ctx.db, wanted.uid)

        def hold(tx: Tx) -> tuple[Doc, bool]:
            booking, is_new = service.hold(tx, wanted, frozen, held=held, config=config, pace=pace, now=now)
            if booking["payablePaise"]:
                return booking, is_new
            if booking["status"] == "pending":
                booking = payment.cover(tx, booking, now=now)
            idempotency.record(tx, key, {"bookingId": booking["id"]}, now=now)
            return booking, is_new

        booking, is_new = ctx.run(hold)
        if not booking["payablePaise"]:
            return booking, None
        made = booking if is_new else None
        return open_order(ctx, gateway, booking["id"], wanted.uid, key=key, now=now)
    except KonnectError:
        _undo(ctx, made, key, by, now)
        raise


def open_order(
    ctx: Context, gateway: Gateway, booking_id: str, uid: str, *, key: idempotency.Key | None = None, now: datetime
) -> tuple[Doc, dict[str, Any]]:
    """The open order of a booking that waits for its payment; the same one each time.

    Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (NOT_PAYABLE, HOLD_EXPIRED).
    """
    booking = ctx.run(lambda tx: payable(tx, booking_id, uid, now=now))
    order_id = booking["payment"]["orderId"]
    if order_id is None:
        # Should we stop right after this call: an order that no browser knows can't be paid, and is forgotten.
        order_id = customers.open_order(
            ctx,
            gateway,
            uid,
            amount_paise=booking["payablePaise"],
            receipt=booking_id,
            notes={"kind": settlement.KIND, "uid": uid, "bookingId": booking_id},
            now=now,
        )
    amount_paise = booking["payablePaise"]
    booking = ctx.run(lambda tx: _record(tx, booking_id, uid, order_id, amount_paise, key=key, now=now))
    return booking, answer(ctx, gateway, booking)


def payable(tx: Tx, booking_id: str, uid: str, *, now: datetime) -> Doc:
    """The student's own booking, if it can be paid for now."""
    booking = repository.of_participant(tx, booking_id, uid)
    if booking["studentId"] != uid:
        raise Conflict("the student pays", code="NOT_PAYABLE")
    if booking["status"] != "pending":
        expired = booking["status"] == "cancelled" and booking["statusReason"] in service.LATE
        if not expired:
            raise Conflict(f"the booking is {booking['status']}", code="NOT_PAYABLE")
    if booking["status"] != "pending" or booking["heldUntil"] <= now:
        raise Conflict("the time was held for you, and is free again; book anew", code="HOLD_EXPIRED")
    return booking


def _record(
    tx: Tx,
    booking_id: str,
    uid: str,
    order_id: str,
    amount_paise: int,
    *,
    key: idempotency.Key | None,
    now: datetime,
) -> Doc:
    booking = payable(tx, booking_id, uid, now=now)
    if booking["payablePaise"] != amount_paise:
        raise Conflict("another request has changed the booking's coupon", code="IN_PROGRESS", retry_after_s=1)
    if booking["payment"]["orderId"] is None:
        orders.create_order(
            tx,
            order_id,
            purpose={"kind": settlement.KIND, "uid": uid, "bookingId": booking_id},
            amount_paise=amount_paise,
            receipt=booking_id,
            now=now,
        )
        opened = {**booking["payment"], "orderId": order_id}
        repository.update(tx, booking_id, now=now, payment=opened)
        booking = {**booking, "payment": opened}
    idempotency.record(tx, key, {"bookingId": booking_id}, now=now)
    return booking


def answer(ctx: Context, gateway: Gateway, booking: Doc) -> dict[str, Any]:
    """What the checkout is opened with."""
    return {
        "bookingId": booking["id"],
        "status": booking["payment"]["status"],
        "orderId": booking["payment"]["orderId"],
        "receipt": booking["id"],
        "amount": booking["payable"],
        "amountPaise": booking["payablePaise"],
        "currency": booking["currency"],
        "keyId": gateway.key_id,
        "customerId": customers.linked(ctx.db, booking["studentId"]),
        "expiresAt": booking["heldUntil"],
    }


def _undo(ctx: Context, made: Doc | None, key: idempotency.Key | None, by: str, now: datetime) -> None:
    """Free what this request has held, so that its user may try again at once."""
    try:
        if made is not None:
            ctx.run(lambda tx: course.give_up(tx, made["id"], now=now))
        if key is not None:
            ctx.run(lambda tx: idempotency.release(tx, key, by=by))
    except KonnectError as error:
        # The hold and the key lapse by themselves; the client must see the first failure.
        log.warning("a booking was not undone", extra={"error": error.message})

"""A conversation for each booking, from its confirmation on, and for each exchange, from its acceptance on: both are
below this domain, and don't know it.
"""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import conversations


def on_booking_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, bookings/{bookingId}: it has become confirmed. Events repeat and come late; the conversation comes once,
    also when the booking has been started, or cancelled, meanwhile."""
    confirmed_at = (change.after or {}).get("confirmedAt")
    if confirmed_at is None or (change.before or {}).get("confirmedAt") == confirmed_at:
        return
    ctx.run(partial(_open, booking_id=change.params["bookingId"], now=now))


def on_exchange_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, exchanges/{exchangeId}: both have agreed. As of a booking; messages need not wait for it."""
    accepted_at = (change.after or {}).get("acceptedAt")
    if accepted_at is None or (change.before or {}).get("acceptedAt") == accepted_at:
        return
    ctx.run(partial(_open_exchange, exchange_id=change.params["exchangeId"], now=now))


def _open_exchange(tx: Tx, *, exchange_id: str, now: datetime) -> None:
    exchange = tx.get("exchanges", exchange_id)
    if exchange is None:
        return
    conversations.open_between(
        tx,
        exchange_id,
        type="exchange",
        participants=(exchange["requesterId"], exchange["providerId"]),
        names=(exchange["requesterName"], exchange["providerName"]),
        expert_id=None,
        now=now,
    )


def _open(tx: Tx, *, booking_id: str, now: datetime) -> None:
    booking = tx.get("bookings", booking_id)
    if booking is None:
        return
    conversations.open_between(
        tx,
        booking_id,
        type="mentor",
        participants=(booking["studentId"], booking["mentorUid"]),
        names=(booking["studentName"], booking["mentorName"]),
        expert_id=booking["mentorId"],
        now=now,
    )

"""What a deleted account leaves behind here: disputes without its words."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.bookings import repository
from konnect.context import Context
from konnect.store import Query, Tx

from . import service

MAX_NAMED = 5


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Disputes that nobody has decided, on either side: [{code, message, way, bookingId}]."""
    found = {one["id"] for query in service.open_of(uid, limit=MAX_NAMED) for one in tx.query(query)}
    return [
        {
            "code": "DISPUTE_OPEN",
            "message": "a dispute about a booking is open",
            "way": "wait until it is decided",
            "bookingId": booking_id,
        }
        for booking_id in sorted(found)
    ]


def erase(ctx: Context, uid: str, *, now: datetime) -> None:
    """Take away what the user has written. Can be repeated."""
    for side, field in repository.SIDES.items():
        for dispute in Query((service.COLLECTION,)).filter(field, "==", uid).run(ctx.db):
            ctx.run(partial(_forget, booking_id=dispute["id"], side=side, now=now))


def _forget(tx: Tx, *, booking_id: str, side: str, now: datetime) -> None:
    dispute, booking = tx.get(service.COLLECTION, booking_id), repository.get(tx, booking_id)
    assert dispute is not None
    shown = booking["dispute"]
    if side == dispute["openedBy"]:
        tx.update((service.COLLECTION, booking_id), {"statement": {**dispute["statement"], "description": ""}})
        repository.update(tx, booking_id, now=now, dispute={**shown, "description": ""})
    elif dispute["answer"] is not None:
        tx.update((service.COLLECTION, booking_id), {"answer": {**dispute["answer"], "description": ""}})
        repository.update(tx, booking_id, now=now, dispute={**shown, "answer": {**shown["answer"], "description": ""}})

"""What a deleted account leaves behind here: bookings that name nobody."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.store import Doc, Tx

from . import feeds, recordings, repository

MAX_NAMED = 5
BATCH = 100


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Bookings that are not over, on either side: [{code, message, way, bookingId}]."""
    found = {
        booking["id"]: booking for query in repository.open_of(uid, limit=MAX_NAMED) for booking in tx.query(query)
    }
    return [
        {
            "code": "BOOKING_OPEN",
            "message": f"a booking is {booking['status'].replace('_', ' ')}",
            "way": "wait for its end" if booking["status"] == "in_progress" else "cancel it",
            "bookingId": booking_id,
        }
        for booking_id, booking in found.items()
    ]


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """Put `name` in the place of the user's own, and take away what the user has written. Can be repeated."""
    feeds.erase(ctx.db, uid)
    for side, named in (("student", "studentName"), ("mentor", "mentorName")):
        cursor = None
        while True:
            found = repository.listed(
                ctx.db, side=side, uid=uid, when=None, status=None, limit=BATCH, cursor=cursor, number=None
            )
            for booking in found.items:
                fields: Doc = {named: name, **({"agenda": "", "sessionNotes": None} if side == "student" else {})}
                if any(booking.get(field) != value for field, value in fields.items()):
                    ctx.run(partial(_change, booking_id=booking["id"], fields=fields, now=now))
                if booking["recording"] is not None:
                    recordings.drop(ctx, booking["id"], now=now)
            cursor = found.next_cursor
            if cursor is None:
                break


def _change(tx: Tx, *, booking_id: str, fields: Doc, now: datetime) -> None:
    repository.update(tx, booking_id, now=now, **fields)

"""A booking, for its participants and for the domains above."""

from datetime import datetime

from konnect.store import Doc, Tx

from . import repository


def of_participant(tx: Tx, booking_id: str, uid: str) -> Doc:
    """Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    return repository.of_participant(tx, booking_id, uid)


def reviewed(tx: Tx, booking_id: str, review_id: str, rating: int, *, now: datetime) -> None:
    """The student has reviewed it: both see so."""
    repository.update(tx, booking_id, now=now, review={"id": review_id, "rating": rating})

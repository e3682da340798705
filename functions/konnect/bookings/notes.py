"""What the mentor writes down of a session, for both: a booking's sessionNotes, {content, actionItems, updatedAt}."""

from datetime import datetime

from konnect import clock
from konnect.errors import Conflict, Forbidden
from konnect.store import Doc, Tx

from . import messages, repository


def write(tx: Tx, booking: Doc, uid: str, content: str, action_items: list[str], *, now: datetime) -> Doc:
    """Write the notes, from the beginning of the session on; what was there is replaced, and gone if there is nothing
    now. The student is told, once a day at most. A repeat changes nothing.

    Raises Forbidden (MENTOR_ONLY), Conflict (NOT_CONFIRMED, SESSION_NOT_STARTED).
    """
    if booking["mentorUid"] != uid:
        raise Forbidden("the mentor writes the notes of a session", code="MENTOR_ONLY")
    if booking["status"] not in {"confirmed", "in_progress", "completed"}:
        raise Conflict(f"the booking is {booking['status']}", code="NOT_CONFIRMED")
    if now < booking["scheduledAt"]:
        raise Conflict("the session has not begun", code="SESSION_NOT_STARTED")
    before = booking.get("sessionNotes")
    said: Doc = {"content": content, "actionItems": action_items}
    if said.items() <= (before or {"content": "", "actionItems": []}).items():
        return booking
    after = {**said, "updatedAt": now} if content or action_items else None
    repository.update(tx, booking["id"], now=now, sessionNotes=after)
    booking = {**booking, "sessionNotes": after, "updatedAt": now}
    if after is not None:
        messages.noted(tx, booking, f"{clock.business_day(now)}", now=now)
    return booking

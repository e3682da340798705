"""Booked sessions as events of their participants' calendars."""

from datetime import datetime

from konnect.ics import Event
from konnect.store import Doc

_KINDS = {"chat": "Chat", "call": "Voice call", "video": "Video call"}


def of(session: Doc, side: str, *, changed_at: datetime, cancelled: bool = False) -> Event:
    """As `side`, "user" or "expert", sees it. It can't be moved, so the only change is the last."""
    other = session["expertName"] if side == "user" else session["userName"]
    return Event(
        id=session["id"],
        begins=session["scheduledAt"],
        ends=session["endsAt"],
        summary=f"{_KINDS[session['type']]} with {other}",
        lines=(f"{session['bookedMinutes']} minutes",),
        path="/chat",
        sequence=int(cancelled),
        changed_at=changed_at,
        cancelled=cancelled,
    )

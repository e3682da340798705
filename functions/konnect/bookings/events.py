"""Bookings as events of their participants' calendars."""

from datetime import datetime

from konnect.ics import Event
from konnect.store import Doc

CUSTOM = "Custom"


def of(booking: Doc, side: str, *, changed_at: datetime) -> Event:
    """As `side`, "student" or "mentor", sees it. Each change (it can be moved once, and cancelled) counts up."""
    other = booking["mentorName"] if side == "student" else booking["studentName"]
    topic = "Session" if booking["topic"] == CUSTOM else booking["topic"]
    cancelled = booking["status"] == "cancelled"
    agenda = [f"Agenda: {booking['agenda']}"] if booking["agenda"] else []
    return Event(
        id=booking["id"],
        begins=booking["scheduledAt"],
        ends=booking["endsAt"],
        summary=f"{topic} with {other}",
        lines=(f"Topic: {booking['topic']}", *agenda, f"Booking: {booking['id']}"),
        path=f"/call/{booking['id']}",
        sequence=int(booking["rescheduledFrom"] is not None) + int(cancelled),
        changed_at=changed_at,
        cancelled=cancelled,
    )

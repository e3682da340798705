"""What the sockets in a class's room are told."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.store import Doc, Tx

from . import policy, repository

SHOWN = (
    *("id", "title", "description", "category", "host", "courseId", "courseTitle", "durationMins", "status"),
    *("maxParticipants", "participantCount", "hostPresent", "endReason", "cancellationReason", "recordingUrl"),
    *("attendedCount", "scheduledAt", "endsAt", "startedAt", "endedAt", "createdAt", "updatedAt"),
)


def view(session: Doc) -> dict[str, Any]:
    """A class as everybody may see it: JSON."""
    shown = {name: session[name] for name in SHOWN}
    return {name: clock.iso(value) if isinstance(value, datetime) else value for name, value in shown.items()}


def updated(tx: Tx, session: Doc) -> None:
    """`session_update`: it has changed."""
    tx.emit(repository.room(session["id"]), "session_update", {"sessionId": session["id"], "session": view(session)})


def joined(tx: Tx, session: Doc, participant: Doc) -> dict[str, Any]:
    """`participant_joined`; returns what it says."""
    data = about(session["id"], participant)
    tx.emit(repository.room(session["id"]), "participant_joined", data)
    return data


def left(tx: Tx, session: Doc, participant: Doc) -> None:
    """`participant_left`, also of one whose line is gone."""
    tx.emit(repository.room(session["id"]), "participant_left", about(session["id"], participant))


def about(session_id: str, participant: Doc) -> dict[str, Any]:
    shown = {name: participant[name] for name in ("name", "role")}
    return {"sessionId": session_id, "userId": participant["uid"], **shown}


def place(session: Doc, opens_at: datetime, state: policy.State) -> dict[str, Any]:
    """Where somebody stands who has joined, as acknowledgements say it."""
    return {"sessionId": session["id"], "state": state, "status": session["status"], "opensAt": clock.iso(opens_at)}

"""What both are told of a consult by their sockets."""

from typing import Any

from konnect import clock
from konnect.money import rupees
from konnect.realtime import user_room
from konnect.store import Doc, Tx

SYSTEM = "system"
"""Who ends a consult that neither of the two ends."""


def updated(tx: Tx, consult: Doc) -> None:
    """`consult_updated`: its state, whenever that changes before the end."""
    data = {
        "consultId": consult["id"],
        "status": consult["status"],
        "type": consult["type"],
        "user": {"id": consult["userId"], "name": consult["userName"], "joined": consult["userJoined"]},
        "consultant": {
            "id": consult["expertId"],
            "userId": consult["expertUid"],
            "name": consult["expertName"],
            "joined": consult["expertJoined"],
        },
        "durationMinutes": consult["durationMinutes"],
        "price": consult["price"],
        **{name: _iso(consult[name]) for name in ("acceptedAt", "expiresAt", "startedAt", "endsAt")},
    }
    _tell(tx, consult, "consult_updated", data)


def ending(tx: Tx, consult: Doc, seconds_left: int) -> None:
    """`session_ending`: it ends soon, unless it is extended."""
    data = {"consultId": consult["id"], "secondsLeft": seconds_left, "endsAt": _iso(consult["endsAt"])}
    _tell(tx, consult, "session_ending", data)


def ended(tx: Tx, consult: Doc, share_paise: int) -> None:
    """`session_end`, also of one that never began. The earning is for the consultant alone."""
    data = {
        "consultId": consult["id"],
        "endedBy": consult["endedBy"],
        "status": consult["status"],
        "reason": consult["endReason"],
        "seconds": consult["seconds"],
        "amount": consult["amount"],
        "released": consult["refundedAmount"],
    }
    tx.emit(user_room(consult["userId"]), "session_end", data)
    tx.emit(user_room(consult["expertUid"]), "session_end", {**data, "earning": rupees(share_paise)})


def _tell(tx: Tx, consult: Doc, event: str, data: dict[str, Any]) -> None:
    for uid in (consult["userId"], consult["expertUid"]):
        tx.emit(user_room(uid), event, data)


def _iso(moment: Any) -> str | None:
    return None if moment is None else clock.iso(moment)

"""What its two are told of an exchange by their sockets: that it has changed; the document says how."""

from konnect.realtime import user_room
from konnect.store import Doc, Tx


def updated(tx: Tx, exchange: Doc) -> None:
    """`exchange_updated`."""
    for uid in exchange["participants"]:
        tx.emit(user_room(uid), "exchange_updated", {"exchangeId": exchange["id"], "status": exchange["status"]})

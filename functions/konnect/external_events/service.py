"""Receive-once: externalEvents/{digest} is written in the transaction of an event's effect.

So a crash before the commit leaves neither and the provider's next attempt does the work, and any later one finds the
record. A record holds no payload, which may name customers: what happened, and to which ids. It is kept 30 days
(TTL on `expiresAt`); providers repeat for a day or three.
"""

from datetime import datetime

from konnect import clock, ids
from konnect.store import Doc, Tx

KEPT_S = 30 * 24 * 3600


def received(tx: Tx, provider: str, event_id: str) -> bool:
    """Whether the event has had its effect. Ask before the effect, in its transaction."""
    return tx.get("externalEvents", _id(provider, event_id)) is not None


def record(
    tx: Tx, provider: str, event_id: str, *, name: str, outcome: str, subject: dict[str, str], now: datetime
) -> Doc:
    """Mark the event as received: `name` is the provider's, `outcome` ours, `subject` the ids it is about."""
    doc = {
        "provider": provider,
        "eventId": event_id,
        "name": name,
        "outcome": outcome,
        "subject": subject,
        "receivedAt": now,
        "expiresAt": clock.after(now, KEPT_S),
    }
    tx.create(("externalEvents", _id(provider, event_id)), doc)
    return doc


def _id(provider: str, event_id: str) -> str:
    # A digest: the event's id comes in a header, which no signature covers and which may hold anything.
    return ids.digest(provider, event_id)

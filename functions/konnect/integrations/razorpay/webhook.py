"""Razorpay's webhooks: the envelope {entity: "event", event, payload: {payment: {entity}, …}}, verified and read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import signatures
from .entities import Payment, Payout, Refund


@dataclass(frozen=True)
class Event:
    """A verified event. `payment`, `refund`, `payout` are as they were when it happened, None where it has none;
    `subscription_id` is "" unless it is about a subscription.

    `problem` says why a body that was truly signed can't be read.
    """

    id: str
    name: str
    payment: Payment | None = None
    refund: Refund | None = None
    payout: Payout | None = None
    problem: str = ""
    subscription_id: str = ""


def verified(raw: bytes, signature: str, secret: str) -> bool:
    """Whether Razorpay signed this body."""
    return signatures.verify(raw, signature, secret)


def read(raw: bytes, event_id: str) -> Event:
    """The event of a verified body. `event_id` is the header's; without one, the body's digest stands in."""
    event_id = event_id or hashlib.sha256(raw).hexdigest()
    name = ""
    try:
        envelope = json.loads(raw)
        name = str(envelope["event"])
        payment, refund, payout = (_entity(envelope, kind) for kind in ("payment", "refund", "payout"))
        return Event(
            event_id,
            name,
            Payment.parse(payment) if payment is not None else None,
            Refund.parse(refund) if refund is not None else None,
            Payout.parse(payout) if payout is not None else None,
            subscription_id=str((_entity(envelope, "subscription") or {}).get("id") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Event(event_id, name or "unknown", problem=str(error))


def _entity(envelope: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    part = envelope.get("payload", {}).get(kind)
    return part["entity"] if part else None

"""Stripe's webhooks: {id, object: "event", type, data: {object}}, verified by the official library and read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konnect.integrations.gateway import Payment

from . import entities
from .entities import Session

TOLERANCE_S = 300
"""An older signature is somebody's who has recorded it."""


@dataclass(frozen=True)
class Event:
    """A verified event. `session` as it was when it happened, None where the event has none; `failed` an attempt to pay
    that failed, and `receipt` the order it was for; `payment_id` of whatever it is about ("" of none).

    `problem` says why a body that was truly signed can't be read.
    """

    id: str
    name: str
    session: Session | None = None
    failed: Payment | None = None
    receipt: str = ""
    payment_id: str = ""
    problem: str = ""


def verified(raw: bytes, signature: str, secret: str) -> bool:
    """Whether Stripe signed this body, within the tolerance. `signature` is the header Stripe-Signature."""
    from stripe import SignatureVerificationError, WebhookSignature

    if not signature.isascii():
        # The library compares texts, and fails at these.
        return False
    try:
        return bool(WebhookSignature.verify_header(raw, signature, secret, TOLERANCE_S))
    except (SignatureVerificationError, UnicodeDecodeError):
        return False


def read(raw: bytes) -> Event:
    """The event of a verified body."""
    digest = hashlib.sha256(raw).hexdigest()
    try:
        envelope = json.loads(raw)
    except ValueError as error:
        return Event(digest, "unknown", problem=str(error))
    return of(envelope, digest)


def of(envelope: Mapping[str, Any], event_id: str) -> Event:
    """The same of one as the API lists it. `event_id` is for what says none."""
    name = "unknown"
    try:
        event_id, name = str(envelope["id"]), str(envelope["type"])
        entity: Mapping[str, Any] = envelope["data"]["object"]
        if name.startswith("checkout.session."):
            # A session that sets up something, or sells a subscription, is another system's on the same account.
            session = Session.parse(entity) if entity.get("mode") == "payment" else None
            payment_id = entities.id_of(entity, "payment_intent")
            return Event(event_id, name, session=session, receipt=entities.receipt(entity), payment_id=payment_id)
        if name == "payment_intent.payment_failed":
            failed = entities.failed_payment(entity)
            return Event(event_id, name, failed=failed, receipt=entities.receipt(entity), payment_id=failed.id)
        # Charges, refunds and disputes say which payment they are of.
        return Event(event_id, name, payment_id=entities.id_of(entity, "payment_intent"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Event(event_id, name, problem=str(error))

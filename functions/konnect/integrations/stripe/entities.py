"""Stripe's entities as we use them, read from an API answer or from a verified webhook body.

A checkout session is our order, its payment intent our payment. Amounts are in the currency's smallest unit, currencies
in small letters, times in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from konnect.integrations.answers import amount, moment, text
from konnect.integrations.gateway import Payment, Refund

RECEIPT = "receipt"
"""The metadata by which a session and its payment say which order of ours they are for."""
REFUND_ID = "refundId"
"""The metadata by which a refund says which of ours it is."""
_WITHDRAWN = {"merchant_request", "charge_for_pending_refund_disputed"}
"""Of the reasons of a refund's failure."""
_REFUND_STATUSES = {"succeeded": "processed", "failed": "failed", "canceled": "failed"}
CONTESTED = {"needs_response", "under_review"}
"""While a bank decides, Stripe has taken the money and refuses refunds. An inquiry (warning_…) takes nothing yet, and a
refund ends it."""
_OVER = {"lost", "won", "warning_closed", "prevented"}


@dataclass(frozen=True)
class Session:
    """A checkout session. `status`: open, complete or expired. `payment`: None while nobody has tried to pay; of one
    that is complete and waits for a bank, it is created, not captured."""

    id: str
    status: str
    url: str
    expires_at: datetime
    payment: Payment | None

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no session of one payment."""
        if entity.get("object") != "checkout.session" or entity.get("mode") != "payment":
            raise ValueError("it is no checkout session of a payment")
        return cls(
            id=text(entity, "id"),
            status=text(entity, "status"),
            # Null once it is over.
            url=str(entity.get("url") or ""),
            expires_at=moment(entity, "expires_at"),
            payment=_payment(entity),
        )


@dataclass(frozen=True)
class Dispute:
    """A payer disputes a payment with their bank. `status` is Stripe's own word."""

    id: str
    payment_id: str
    amount_paise: int
    status: str

    @property
    def is_lost(self) -> bool:
        return self.status == "lost"

    @property
    def is_over(self) -> bool:
        return self.status in _OVER

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no dispute."""
        return cls(text(entity, "id"), id_of(entity, "payment_intent"), amount(entity), text(entity, "status"))


def refund(entity: Mapping[str, Any]) -> Refund:
    """Raises ValueError for what is no refund."""
    status = text(entity, "status")
    return Refund(
        id=text(entity, "id"),
        payment_id=id_of(entity, "payment_intent"),
        amount_paise=amount(entity),
        # Also "requires_action", where the payer is asked for a bank account.
        status=_REFUND_STATUSES.get(status, "pending"),
        reference=str((entity.get("metadata") or {}).get(REFUND_ID) or ""),
        is_withdrawn=status == "canceled" or entity.get("failure_reason") in _WITHDRAWN,
    )


def failed_payment(entity: Mapping[str, Any]) -> Payment:
    """An attempt that failed, by its payment intent; which order it was for, only its `receipt` says."""
    error = entity.get("last_payment_error") or {}
    return Payment(
        id=text(entity, "id"),
        order_id="",
        amount_paise=amount(entity),
        currency=text(entity, "currency").upper(),
        status="failed",
        method=str((error.get("payment_method") or {}).get("type") or ""),
        error_code=str(error.get("decline_code") or error.get("code") or ""),
        error_description=str(error.get("message") or ""),
    )


def receipt(entity: Mapping[str, Any]) -> str:
    """Our order's receipt, "" of what is not ours."""
    return str((entity.get("metadata") or {}).get(RECEIPT) or "")


def id_of(entity: Mapping[str, Any], name: str) -> str:
    """The id in a field that may hold the entity itself; "" for none."""
    value = entity.get(name)
    return str(value["id"] if isinstance(value, Mapping) else value or "")


def _payment(entity: Mapping[str, Any]) -> Payment | None:
    payment_id, intent = id_of(entity, "payment_intent"), entity.get("payment_intent")
    if not payment_id:
        return None
    about = intent if isinstance(intent, Mapping) else {}
    error = about.get("last_payment_error") or {}
    if entity.get("payment_status") == "paid":
        status = "captured"
    elif error and about.get("status") in {"requires_payment_method", "canceled"}:
        status = "failed"
    else:
        status = "created"
    charge = about.get("latest_charge")
    details = (charge.get("payment_method_details") or {}) if isinstance(charge, Mapping) else {}
    methods = entity.get("payment_method_types") or []
    return Payment(
        id=payment_id,
        order_id=text(entity, "id"),
        amount_paise=amount(entity, "amount_total"),
        currency=text(entity, "currency").upper(),
        status=status,
        method=str(details.get("type") or (methods[0] if len(methods) == 1 else "")),
        error_code=str(error.get("decline_code") or error.get("code") or ""),
        error_description=str(error.get("message") or ""),
    )

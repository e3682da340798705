"""Razorpay's entities as we use them, read from an API answer or from a verified webhook body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from konnect.integrations import gateway
from konnect.integrations.answers import amount, moment, text, whole

PROVIDER = "Razorpay"
REFUND_NOTE = "refundId"
"""The note by which a refund says which of ours it is."""


@dataclass(frozen=True)
class Payment(gateway.Payment):
    """As Razorpay says it; but an authorization that it has given back by itself, since nobody captured it in time, is
    "refunded" there, and has failed for us: the money was never ours."""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no payment."""
        status = text(entity, "status")
        lapsed = status == "refunded" and entity.get("captured") is False
        return cls(
            id=text(entity, "id"),
            order_id=str(entity.get("order_id") or ""),
            amount_paise=amount(entity),
            currency=text(entity, "currency"),
            status="failed" if lapsed else status,
            method=str(entity.get("method") or ""),
            error_code=str(entity.get("error_code") or ""),
            error_description=str(entity.get("error_description") or ""),
            refunded_paise=whole(entity, "amount_refunded"),
        )


@dataclass(frozen=True)
class Refund(gateway.Refund):
    """As Razorpay says it."""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no refund."""
        # Without any they are an empty list.
        notes = entity.get("notes") or {}
        return cls(
            id=text(entity, "id"),
            payment_id=text(entity, "payment_id"),
            amount_paise=amount(entity),
            status=text(entity, "status"),
            reference=str(notes.get(REFUND_NOTE) or ""),
        )


@dataclass(frozen=True)
class Settlement:
    """What was paid out to our bank account. `status`: created, processed or failed."""

    id: str
    amount_paise: int
    fees_paise: int
    tax_paise: int
    status: str
    utr: str
    created_at: datetime

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no settlement."""
        return cls(
            id=text(entity, "id"),
            # Refunds may outweigh the payments of a day.
            amount_paise=whole(entity, "amount"),
            fees_paise=whole(entity, "fees"),
            tax_paise=whole(entity, "tax"),
            status=text(entity, "status"),
            utr=str(entity.get("utr") or ""),
            created_at=moment(entity, "created_at"),
        )


@dataclass(frozen=True)
class SettledItem:
    """One row of the recon report. `kind`: payment, refund, transfer or adjustment; `fee_paise` includes the tax."""

    entity_id: str
    kind: str
    amount_paise: int
    debit_paise: int
    credit_paise: int
    fee_paise: int
    tax_paise: int
    settlement_id: str
    settled_at: datetime

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no row of the report."""
        return cls(
            entity_id=text(entity, "entity_id"),
            kind=text(entity, "type"),
            amount_paise=whole(entity, "amount"),
            debit_paise=whole(entity, "debit"),
            credit_paise=whole(entity, "credit"),
            fee_paise=whole(entity, "fee"),
            tax_paise=whole(entity, "tax"),
            settlement_id=str(entity.get("settlement_id") or ""),
            settled_at=moment(entity, "settled_at"),
        )


@dataclass(frozen=True)
class FundAccount:
    """Where a contact is paid: `bank_name` is "" for a UPI address."""

    id: str
    active: bool
    bank_name: str = ""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no fund account."""
        bank = entity.get("bank_account") or {}
        return cls(text(entity, "id"), entity.get("active") is not False, str(bank.get("bank_name") or ""))


@dataclass(frozen=True)
class Payout:
    """A payout. `status`: pending, queued, scheduled, processing, processed, reversed, cancelled, rejected or failed.

    `reference_id` is ours ("" without one), `utr` the bank's, `reason` what is said of the status.
    """

    id: str
    fund_account_id: str
    amount_paise: int
    currency: str
    status: str
    reference_id: str = ""
    utr: str = ""
    reason: str = ""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no payout."""
        details = entity.get("status_details") or {}
        return cls(
            id=text(entity, "id"),
            fund_account_id=str(entity.get("fund_account_id") or ""),
            amount_paise=amount(entity),
            currency=text(entity, "currency"),
            status=text(entity, "status"),
            reference_id=str(entity.get("reference_id") or ""),
            utr=str(entity.get("utr") or ""),
            reason=str(details.get("description") or entity.get("failure_reason") or ""),
        )


def id_of(entity: Mapping[str, Any]) -> str:
    """Raises ValueError for what has none."""
    return text(entity, "id")

"""Razorpay's entities as we use them, read from an API answer or from a verified webhook body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from konnect.integrations import gateway

REFUND_NOTE = "refundId"
"""The note by which a refund says which of ours it is."""


@dataclass(frozen=True)
class Payment(gateway.Payment):
    """As Razorpay says it."""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no payment."""
        return cls(
            id=_text(entity, "id"),
            order_id=str(entity.get("order_id") or ""),
            amount_paise=_amount(entity),
            currency=_text(entity, "currency"),
            status=_text(entity, "status"),
            method=str(entity.get("method") or ""),
            error_code=str(entity.get("error_code") or ""),
            error_description=str(entity.get("error_description") or ""),
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
            id=_text(entity, "id"),
            payment_id=_text(entity, "payment_id"),
            amount_paise=_amount(entity),
            status=_text(entity, "status"),
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
            id=_text(entity, "id"),
            # Refunds may outweigh the payments of a day.
            amount_paise=_whole(entity, "amount"),
            fees_paise=_whole(entity, "fees"),
            tax_paise=_whole(entity, "tax"),
            status=_text(entity, "status"),
            utr=str(entity.get("utr") or ""),
            created_at=_moment(entity, "created_at"),
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
            entity_id=_text(entity, "entity_id"),
            kind=_text(entity, "type"),
            amount_paise=_whole(entity, "amount"),
            debit_paise=_whole(entity, "debit"),
            credit_paise=_whole(entity, "credit"),
            fee_paise=_whole(entity, "fee"),
            tax_paise=_whole(entity, "tax"),
            settlement_id=str(entity.get("settlement_id") or ""),
            settled_at=_moment(entity, "settled_at"),
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
        return cls(_text(entity, "id"), entity.get("active") is not False, str(bank.get("bank_name") or ""))


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
            id=_text(entity, "id"),
            fund_account_id=str(entity.get("fund_account_id") or ""),
            amount_paise=_amount(entity),
            currency=_text(entity, "currency"),
            status=_text(entity, "status"),
            reference_id=str(entity.get("reference_id") or ""),
            utr=str(entity.get("utr") or ""),
            reason=str(details.get("description") or entity.get("failure_reason") or ""),
        )


def _whole(entity: Mapping[str, Any], name: str) -> int:
    value = entity.get(name) or 0
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a number of paise")
    return value


def _moment(entity: Mapping[str, Any], name: str) -> datetime:
    value = entity.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a time")
    return datetime.fromtimestamp(value, UTC)


def _text(entity: Mapping[str, Any], name: str) -> str:
    value = entity.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return value


def _amount(entity: Mapping[str, Any]) -> int:
    value = entity.get("amount")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("amount is not a positive number of paise")
    return value

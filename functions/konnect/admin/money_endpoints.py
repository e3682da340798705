"""/api/admin: transactions, revenue, wallet adjustments, settlements; each report as a CSV file, too."""

from collections.abc import Iterator
from typing import Any

from flask import Response

from konnect import clock, idempotency, ids
from konnect.http import csv_files
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.integrations.razorpay.client import gateway
from konnect.ledger import days as ledger_days
from konnect.money import CURRENCY, to_paise
from konnect.payments import settlements
from konnect.store import Database, Query, page
from konnect.wallet import adjustments, transactions
from konnect.wallet.schemas import TransactionView

from . import days, mentor_revenue, revenue
from .schemas import (
    Adjustment,
    AdjustRequest,
    AdminTransactionsQuery,
    MentorRevenueQuery,
    MentorRevenueReport,
    RevenueQuery,
    RevenueReport,
    SettlementReport,
    SettlementsQuery,
)
from .sessions_endpoints import moments

router = Router("Admin: money")

DEFAULT_DAYS: dict[revenue.Period, int] = {"daily": 30, "weekly": 84, "monthly": 365}
TRANSACTION_COLUMNS = (
    "id", "createdAt", "userId", "type", "status", "amount", "currency", "description", "referenceId", "updatedAt",
)  # fmt: skip
SUM_COLUMNS = (
    "received", "returned", "gross", "commission", "fee", "gst", "gatewayFees", "refunds", "feeRefunded", "gstRefunded",
    "promotions", "net",
)  # fmt: skip
REVENUE_COLUMNS = ("from", "to", *SUM_COLUMNS)
MENTOR_COLUMNS = ("userId", "mentorId", "name", *SUM_COLUMNS)
SETTLEMENT_COLUMNS = (
    "date", "settlementIds", "utrs", "payments", "paymentsAmount", "refunds", "refundsAmount", "othersAmount", "fees",
    "tax", "settled", "ledger", "ok",
)  # fmt: skip


@router.get("/api/admin/transactions", response=Listing[TransactionView], auth="admin")
def list_transactions(call: Call, query: AdminTransactionsQuery) -> dict[str, Any] | Response:
    """Everybody's transactions, newest first. `format=csv` gives all of them as a file, up to 20,000 rows."""
    since, until = moments(query)
    wanted = transactions.query_of(uid=query.user_id, type=query.type, status=query.status, since=since, until=until)
    if query.format == "csv":
        csv_files.check_size(call.ctx.db, wanted)
        return csv_files.answer("transactions", TRANSACTION_COLUMNS, _rows(call.ctx.db, wanted))
    found = page(call.ctx.db, wanted, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/admin/revenue", response=RevenueReport, auth="admin")
def revenue_report(call: Call, query: RevenueQuery) -> dict[str, Any] | Response:
    """Revenue by day, week (from Monday) or month of Asia/Kolkata, to the paisa from the ledger."""
    default = DEFAULT_DAYS[query.period]
    first, last = days.span(query.from_, query.to, default=default, most=days.MAX_DAYS, now=call.now)
    found = days.of_range(call.ctx.db, first, last, now=call.now, counted=False)
    moved = {day.day: day.money for day in found}
    items = revenue.series(moved, query.period, first, last, query.source)
    if query.format == "csv":
        rows = ([item[column] for column in REVENUE_COLUMNS] for item in items)
        return csv_files.answer(f"revenue-{query.period}", REVENUE_COLUMNS, rows)
    total = sum((revenue.of(day.money, query.source) for day in found), revenue.Revenue())
    return {
        "period": query.period,
        "source": query.source,
        "from": first,
        "to": last,
        "items": items,
        "total": total.as_json(),
        "currency": CURRENCY,
    }


@router.get("/api/admin/revenue/mentors", response=MentorRevenueReport, auth="admin")
def mentor_revenue_report(call: Call, query: MentorRevenueQuery) -> dict[str, Any] | Response:
    """Revenue by mentor of a month of Asia/Kolkata, the largest first: the sums of the same movements as the revenue by
    day. `format=csv` gives all of them as a file, up to 20,000 rows."""
    db, month = call.ctx.db, query.month or clock.business_day(call.now).isoformat()[:7]
    if query.format == "csv":
        csv_files.check_size(db, ledger_days.of_mentors(month))
        rows = ([row[name] for name in MENTOR_COLUMNS] for row in mentor_revenue.streamed(db, month, query.source))
        return csv_files.answer(f"revenue-mentors-{month}", MENTOR_COLUMNS, rows)
    found = mentor_revenue.listed(db, month, query.source, limit=query.limit, cursor=query.cursor)
    return {
        "month": month,
        "source": query.source,
        "items": found.items,
        "nextCursor": found.next_cursor,
        "currency": CURRENCY,
    }


@router.post(
    "/api/admin/wallets/<user_id>/adjust",
    response=Adjustment,
    status=201,
    auth="admin",
    summary="Adjust a wallet",
    errors=(402, 404, 409, 503),
    idempotent=True,
)
def adjust(call: Call, user_id: str, body: AdjustRequest) -> dict[str, Any]:
    """Add money to a wallet or take some, with a reason, never below zero."""
    amount_paise = to_paise(body.amount)
    payload = {"userId": user_id, "amountPaise": amount_paise, "part": body.part}
    key = idempotency.key(call.user.uid, "adjust", call.idempotency_key, payload)
    # Derived where a key is given, so that a repeat can never be a second adjustment.
    adjustment_id = ids.digest("adjustment", key.id) if key else ids.new()
    given = adjustments.Adjustment(adjustment_id, user_id, amount_paise, body.part, body.reason, call.user.uid)
    return call.ctx.run(lambda tx: adjustments.adjust(tx, given, key=key, now=call.now))


@router.get("/api/admin/settlements", response=SettlementReport, auth="admin", errors=(502, 503))
def settlement_report(call: Call, query: SettlementsQuery) -> dict[str, Any] | Response:
    """What the gateway settled to the bank account, day by day, reconciled against the ledger; a week by default."""
    first, last = days.span(query.from_, query.to, default=7, most=settlements.MAX_DAYS, now=call.now)
    report = settlements.compare(call.ctx.db, gateway(call.ctx.settings), first, last, now=call.now)
    if query.format == "csv":
        return csv_files.answer("settlements", SETTLEMENT_COLUMNS, (_settlement_row(row) for row in report["items"]))
    return report


def _rows(db: Database, query: Query) -> Iterator[list[Any]]:
    for doc in query.stream(db):
        yield [doc.get(column) for column in TRANSACTION_COLUMNS]


def _settlement_row(row: dict[str, Any]) -> list[Any]:
    return [
        row["date"],
        " ".join(one["id"] for one in row["settlements"]),
        " ".join(one["utr"] for one in row["settlements"]),
        row["payments"]["count"],
        row["payments"]["amount"],
        row["refunds"]["count"],
        row["refunds"]["amount"],
        row["others"]["amount"],
        row["fees"],
        row["tax"],
        row["settled"],
        row["ledger"],
        "yes" if row["ok"] else "no",
    ]

"""/api/payouts, and GET /api/mentors/dashboard/earnings."""

from typing import Any

from flask import Response

from konnect.experts import service as experts
from konnect.http import csv_files
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.platform import platform_config

from . import dashboard, history, repository, statement
from .schemas import EarningsQuery, EarningsReport, Payout, PayoutsQuery, StatementQuery

router = Router("Payouts")

STATEMENT = {
    "responses": {
        "200": {
            "description": "OK",
            "content": {
                "application/pdf": {"schema": {"type": "string", "contentMediaType": "application/pdf"}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    },
}


@router.get("/api/payouts", response=Listing[Payout])
def own_payouts(call: Call, query: PayoutsQuery) -> dict[str, Any]:
    """The caller's payouts, the newest first: earnings of bookings, paid weekly, and withdrawals from the wallet."""
    found = repository.payouts_of(
        call.ctx.db,
        uid=call.user.uid,
        kind=query.kind,
        statuses=history.STORED[query.status] if query.status else (),
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": [history.view(payout) for payout in found.items], "nextCursor": found.next_cursor}


@router.get("/api/payouts/<payout_id>/statement", errors=(404,), documentation=STATEMENT)
def payout_statement(call: Call, payout_id: str, query: StatementQuery) -> Response:
    """The statement of one of the caller's payouts as a file: every session with its price, commission, GST and fees,
    refunds, debts and TDS. It does not change any more."""
    payout = history.own(call.ctx.db, payout_id, call.user.uid)
    lines = repository.lines(repository.lines_query(payout_id).run(call.ctx.db))
    name = statement.name(payout)
    if query.format == "csv":
        return csv_files.answer(name, statement.COLUMNS, statement.rows(payout, lines))
    owner = call.ctx.db.get("users", call.user.uid) or {}
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    content = statement.pdf(payout, lines, owner.get("name") or "")
    return Response(content, content_type="application/pdf", headers=headers)


@router.get("/api/mentors/dashboard/earnings", response=EarningsReport, auth="expert", errors=(404,))
def dashboard_earnings(call: Call, query: EarningsQuery) -> dict[str, Any]:
    """What the caller has earned by bookings: over time, what is due with the next payout, what was paid, TDS this
    year, and the sessions one by one."""
    ctx = call.ctx
    return dashboard.of(
        ctx.db,
        ctx.run(lambda tx: experts.own(tx, call.user.uid)),
        platform_config(ctx.db),
        period=query.period,
        by_hand=not ctx.settings.razorpayx_account_number,
        limit=query.limit,
        cursor=query.cursor,
        now=call.now,
    )

"""/api/admin/sessions: looking at sessions, and refunding them."""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock, idempotency, ids
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery
from konnect.money import to_paise
from konnect.sessions import listing, refunds

from .schemas import AdminSession, AdminSessionsQuery, Refund, RefundRequest, Span

router = Router("Admin: sessions")


@router.get("/api/admin/sessions", response=Listing[AdminSession], auth="admin")
def list_sessions(call: Call, query: AdminSessionsQuery) -> dict[str, Any]:
    """Sessions, newest first."""
    since, until = moments(query)
    found = listing.listed(
        call.ctx.db,
        status=query.status,
        type=query.type,
        user_id=query.user_id,
        expert_id=query.expert_id,
        since=since,
        until=until,
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/admin/sessions/active", response=Listing[AdminSession], auth="admin")
def active_sessions(call: Call, query: ListQuery) -> dict[str, Any]:
    """Sessions in progress, the newest first."""
    found = listing.listed(call.ctx.db, status="in_progress", limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.post(
    "/api/admin/sessions/<session_id>/refund",
    response=Refund,
    status=201,
    auth="admin",
    summary="Refund a session",
    errors=(404, 409, 503),
    idempotent=True,
)
def refund(call: Call, session_id: str, body: RefundRequest) -> dict[str, Any]:
    """All of it, or an amount; several times, up to what was paid. The money returns to the user's wallet at once; the
    expert's share and the platform's fee are given back in proportion."""
    amount_paise = None if body.amount is None else to_paise(body.amount)
    payload = {"sessionId": session_id, "amountPaise": amount_paise, "refundId": body.refund_id}
    key = idempotency.key(call.user.uid, "refund", call.idempotency_key, payload)
    # Derived where a key is given, so that a repeat can never be a second refund.
    refund_id = body.refund_id or (ids.digest("refund", key.id) if key else ids.new())
    given = refunds.Request(session_id, refund_id, amount_paise, body.reason, call.user.uid)
    return call.ctx.run(
        lambda tx: idempotency.once(tx, key, lambda: refunds.refund(tx, given, now=call.now), now=call.now)
    )


def moments(span: Span) -> tuple[datetime | None, datetime | None]:
    """The time that a span of business days covers: from its first moment to before the end."""
    since = clock.day_begins(span.from_) if span.from_ else None
    until = clock.day_begins(span.to + timedelta(days=1)) if span.to else None
    return since, until

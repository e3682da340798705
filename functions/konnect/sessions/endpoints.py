"""/api/sessions: a participant's own sessions."""

from typing import Any

from konnect import clock, idempotency, ids
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.money import to_paise
from konnect.platform import platform_config

from . import cancellation, receipts, repository
from .booked import service as booked
from .metering import Pace
from .receipt_schemas import Receipt
from .schemas import BookingRequest, Cancellation, Session, SessionsQuery

router = Router("Sessions")


@router.get("/api/sessions", response=Listing[Session])
def own_sessions(call: Call, query: SessionsQuery) -> dict[str, Any]:
    """Sessions that the caller has paid for, newest first."""
    return _listed(call, "userId", query)


@router.get("/api/sessions/expert", response=Listing[Session], auth="expert")
def expert_sessions(call: Call, query: SessionsQuery) -> dict[str, Any]:
    """Sessions that the caller has given, newest first."""
    return _listed(call, "expertUid", query)


@router.post("/api/sessions", response=Session, status=201, limit="bookings", errors=(402, 404, 409), idempotent=True)
def book_session(call: Call, body: BookingRequest) -> dict[str, Any]:
    """Book a session for a time. Its price is held until it ends: the expert is paid for what took place, the rest
    comes back. The same request again answers the same session.
    """
    scheduled_at = clock.to_millisecond(body.scheduled_at)
    wanted = booked.Wanted(
        uid=call.user.uid,
        expert_id=body.expert_id,
        type=body.type,
        scheduled_at=scheduled_at,
        minutes=body.duration,
        price_paise=None if body.price is None else to_paise(body.price),
        session_id=ids.new(),
    )
    payload = body.model_dump(mode="json")
    key = idempotency.key(call.user.uid, "book", call.idempotency_key, payload)
    config, pace = platform_config(call.ctx.db), Pace.of(call.ctx.settings)
    return call.ctx.run(lambda tx: booked.book(tx, wanted, key=key, config=config, pace=pace, now=call.now))


@router.post("/api/sessions/<session_id>/cancel", response=Session, errors=(403, 404, 409))
def cancel_session(call: Call, session_id: str, body: Cancellation) -> dict[str, Any]:
    """Cancel a booked session before its time. By the user more than 24 hours before, the whole price comes back into
    the wallet; from 24 to 4 hours, half; later nothing; by the expert, always all. A request that waits for acceptance
    is withdrawn or declined.
    """
    uid, pace = call.user.uid, Pace.of(call.ctx.settings)
    reason = body.reason or None
    return call.ctx.run(lambda tx: cancellation.cancel(tx, session_id, uid, reason=reason, pace=pace, now=call.now))


@router.get("/api/sessions/<session_id>", response=Session, errors=(403, 404))
def one_session(call: Call, session_id: str) -> dict[str, Any]:
    """One session, for its two participants."""
    return repository.of_participant(call.ctx.db, session_id, call.user.uid)


@router.get("/api/sessions/<session_id>/receipt", response=Receipt, errors=(403, 404, 409))
def receipt(call: Call, session_id: str) -> dict[str, Any]:
    """The receipt of an ended session, for each of its two participants."""
    return call.ctx.run(lambda tx: receipts.of(tx, session_id, call.user.uid))


def _listed(call: Call, field: str, query: SessionsQuery) -> dict[str, Any]:
    if query.when == "upcoming":
        found = repository.upcoming(
            call.ctx.db, field, call.user.uid, type=query.type, limit=query.limit, cursor=query.cursor
        )
        return {"items": found.items, "nextCursor": found.next_cursor}
    found = repository.listed(
        call.ctx.db,
        field,
        call.user.uid,
        status=query.status,
        type=query.type,
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": found.items, "nextCursor": found.next_cursor}

"""/api/sessions: a participant's own sessions."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import repository
from .schemas import Session, SessionsQuery

router = Router("Sessions")


@router.get("/api/sessions", response=Listing[Session])
def own_sessions(call: Call, query: SessionsQuery) -> dict[str, Any]:
    """Sessions that the caller has paid for, newest first."""
    return _listed(call, "userId", query)


@router.get("/api/sessions/expert", response=Listing[Session], auth="expert")
def expert_sessions(call: Call, query: SessionsQuery) -> dict[str, Any]:
    """Sessions that the caller has given, newest first."""
    return _listed(call, "expertUid", query)


@router.get("/api/sessions/<session_id>", response=Session, errors=(403, 404))
def one_session(call: Call, session_id: str) -> dict[str, Any]:
    """One session, for its two participants."""
    return repository.of_participant(call.ctx.db, session_id, call.user.uid)


def _listed(call: Call, field: str, query: SessionsQuery) -> dict[str, Any]:
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

"""/api/experts: to be found, and to become one."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.money import to_paise
from konnect.platform import platform_config

from . import service
from .schemas import Expert, ExpertsQuery, OwnExpert, Registration

router = Router("Experts")


@router.get("/api/experts", response=Listing[Expert], auth="public")
def list_experts(call: Call, query: ExpertsQuery) -> dict[str, Any]:
    """List approved experts, best rated first."""
    found = service.listed(call.ctx.db, available=query.available, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/experts/me", response=OwnExpert, errors=(404,))
def own_expert(call: Call) -> dict[str, Any]:
    """The caller's own expert profile, in any state of the application."""
    return _own(call.ctx.run(lambda tx: service.own(tx, call.user.uid)))


@router.get("/api/experts/<expert_id>", response=Expert, auth="public", errors=(404,))
def one_expert(call: Call, expert_id: str) -> dict[str, Any]:
    """One approved expert."""
    return call.ctx.run(lambda tx: service.get(tx, expert_id))


@router.post("/api/experts/register", response=OwnExpert, status=201, errors=(409,))
def register(call: Call, body: Registration) -> dict[str, Any]:
    """Apply to be an expert. The application starts as `applied`; an admin decides."""
    fields = body.model_dump(by_alias=True, exclude={"price_per_min"})
    fields["pricePerMinPaise"] = to_paise(body.price_per_min) if body.price_per_min is not None else None
    config = platform_config(call.ctx.db)
    user = call.user
    return _own(call.ctx.run(lambda tx: service.register(tx, user.uid, user.email, fields, config, now=call.now)))


def _own(expert: dict[str, Any]) -> dict[str, Any]:
    return {**expert, "email": expert["onboardingData"].get("email")}

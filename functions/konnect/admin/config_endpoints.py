"""/api/admin/config and /api/admin/audit."""

from typing import Any

from konnect import audit
from konnect.errors import BadRequest
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import config
from .schemas import AuditEntry, AuditQuery, ConfigChange, ConfigView

router = Router("Admin: configuration")


@router.get("/api/admin/config", response=ConfigView, auth="admin")
def get_config(call: Call) -> dict[str, Any]:
    """The platform's configuration; its version is also the ETag."""
    return _tagged(call, config.current(call.ctx))


@router.patch("/api/admin/config", response=ConfigView, auth="admin", errors=(409,))
def change_config(call: Call, body: ConfigChange) -> dict[str, Any]:
    """Change some values; all instances follow within a minute. With If-Match, or `version`, only if nobody else has
    changed it since."""
    given = body.model_dump(exclude_unset=True)
    version, reason = given.pop("version", None), given.pop("reason", None)
    changed = config.change(
        call.ctx, given, by=call.user.uid, reason=reason, version=_if_match(call, version), now=call.now
    )
    return _tagged(call, changed)


@router.get("/api/admin/audit", response=Listing[AuditEntry], auth="admin")
def list_audit(call: Call, query: AuditQuery) -> dict[str, Any]:
    """Who did what to what, newest first."""
    found = audit.listed(
        call.ctx.db,
        actor=query.actor,
        target=query.target,
        action=query.action,
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": found.items, "nextCursor": found.next_cursor}


def _if_match(call: Call, version: int | None) -> int | None:
    header = call.request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if header in {"", "*"}:
        return version
    if not header.isdecimal():
        raise BadRequest.field("If-Match", "must be a version of the configuration")
    return int(header)


def _tagged(call: Call, values: dict[str, Any]) -> dict[str, Any]:
    call.response_headers["ETag"] = f'"{values["version"]}"'
    return values

"""/api/v1/admin/users: the same accounts as /api/admin/users, by SkillVerse's roles and statuses."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.identity import standing
from konnect.members import service as members
from konnect.store import Doc

from . import user_index, users
from .members_schemas import MemberAccount, MembersQuery, StatusChange

router = Router("Admin: SkillVerse")


@router.get("/api/v1/admin/users", response=Listing[MemberAccount], auth="admin")
def list_members(call: Call, query: MembersQuery) -> dict[str, Any]:
    """All users, newest first, by role, status and how e-mail or name begin."""
    found = user_index.search(
        call.ctx.db,
        query.search,
        member_role=query.role,
        status=query.status,
        limit=query.limit,
        cursor=query.cursor,
        number=query.page,
    )
    return {"items": [{**entry, "role": entry["memberRole"]} for entry in found.items], "nextCursor": found.next_cursor}


@router.put("/api/v1/admin/users/<uid>/status", response=MemberAccount, auth="admin", errors=(404, 409, 503))
def set_member_status(call: Call, uid: str, body: StatusChange) -> dict[str, Any]:
    """Make an account active, inactive, suspended or banned, for all products. A repeat changes nothing."""
    change = users.Change(uid, call.user.uid, status=body.status, reason=body.reason)
    user = users.change(call.ctx, change, now=call.now)
    return _view(user, members.read(call.ctx.db, uid))


def _view(user: Doc, member: Doc | None) -> dict[str, Any]:
    return {**user, "role": user_index.member_role(user, member), "status": standing.of(user)}

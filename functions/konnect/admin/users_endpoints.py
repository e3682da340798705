"""/api/admin/users: finding people, and changing what they may do."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.sessions import listing
from konnect.wallet import transactions
from konnect.wallet.schemas import TransactionView

from . import user_index, users
from .schemas import (
    AdminSession,
    AdminUser,
    UserChange,
    UserDetail,
    UserSessionsQuery,
    UsersQuery,
    UserTransactionsQuery,
)

router = Router("Admin: users")


@router.get("/api/admin/users", response=Listing[AdminUser], auth="admin")
def list_users(call: Call, query: UsersQuery) -> dict[str, Any]:
    """Users, newest first, by role and by how e-mail or name begin."""
    found = user_index.search(call.ctx.db, query.search, query.role, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/admin/users/<uid>", response=UserDetail, auth="admin", errors=(404,))
def one_user(call: Call, uid: str) -> dict[str, Any]:
    """One user, with wallet and latest sessions."""
    return users.detail(call.ctx, uid)


@router.patch("/api/admin/users/<uid>", response=AdminUser, auth="admin", errors=(404, 409, 503))
def change_user(call: Call, uid: str, body: UserChange) -> dict[str, Any]:
    """Change role, name or whether the account is disabled. A loss of rights revokes all sign-ins at once."""
    change = users.Change(
        uid, call.user.uid, role=body.role, disabled=body.disabled, name=body.name, reason=body.reason
    )
    return users.change(call.ctx, change, now=call.now)


@router.get("/api/admin/users/<uid>/sessions", response=Listing[AdminSession], auth="admin", errors=(404,))
def user_sessions(call: Call, uid: str, query: UserSessionsQuery) -> dict[str, Any]:
    """A user's sessions, newest first."""
    users.check_exists(call.ctx, uid)
    found = listing.of_person(call.ctx.db, uid, query.side, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/admin/users/<uid>/transactions", response=Listing[TransactionView], auth="admin", errors=(404,))
def user_transactions(call: Call, uid: str, query: UserTransactionsQuery) -> dict[str, Any]:
    """A user's transactions, newest first."""
    users.check_exists(call.ctx, uid)
    found = transactions.of_user(
        call.ctx.db, uid, type=query.type, status=query.status, limit=query.limit, cursor=query.cursor
    )
    return {"items": found.items, "nextCursor": found.next_cursor}

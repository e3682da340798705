"""/api/users/me: one's own account. Its deletion reaches into every domain and is served by `deletion`."""

from typing import Any

from konnect.http.routing import Call, Router

from . import service
from .schemas import Account, AccountChange

router = Router("Accounts")


@router.get("/api/users/me", response=Account)
def own_account(call: Call) -> dict[str, Any]:
    """The caller's account: profile, interests and goals, role, whether the address is verified."""
    return service.own(call.ctx, call.user, now=call.now)


@router.patch("/api/users/me", response=Account, limit="auth", errors=(403, 409, 503))
def change_account(call: Call, body: AccountChange) -> dict[str, Any]:
    """Edit the caller's account.

    Interests and goals are ids of `/api/onboarding/options`. A change of `email` or `password` goes through Firebase
    Auth: it needs a recent sign-in, and the client signs in again afterwards.
    """
    return service.change(call.ctx, call.user, body.model_dump(by_alias=True, exclude_unset=True), now=call.now)

"""DELETE /api/users/me, beside the account's other operations, which are identity's."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.identity import account_endpoints

from .schemas import Deletion

router = Router("Accounts")
router.routes += account_endpoints.router.routes


@router.delete("/api/users/me", response=Deletion, status=202, errors=(403, 409, 502, 503))
def delete_account(call: Call) -> dict[str, Any]:
    """Delete the caller's account.

    It is closed at once and erased within moments: profile, application, notifications, and the name wherever it
    stands; records of money stay without it. Needs a sign-in of the last 5 minutes (403 RECENT_LOGIN_REQUIRED).
    Refused while money or a session is open: 409 ACCOUNT_IN_USE, whose details have `code` (WALLET_NOT_EMPTY,
    WITHDRAWAL_PENDING, DEPOSIT_PENDING, EARNINGS_DUE, PAYOUT_PENDING, DEBT_OPEN, SESSION_OPEN) and `way`, the way out.
    A subscription is cancelled first, at once: 503, and nothing is closed, while Razorpay can't be reached for that.
    """
    # Only this operation needs the whole of it.
    from . import service

    return service.request(call.ctx, call.user, now=call.now)

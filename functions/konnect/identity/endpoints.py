"""/api/auth: from a Firebase account to a profile."""

from konnect.http.routing import Call, Router

from . import service
from .schemas import Profile

router = Router("Accounts")


@router.post("/api/auth/verify", response=Profile, errors=(403,))
def verify(call: Call) -> dict[str, object]:
    """Verify the ID token and return the caller's profile.

    The first call of a new account creates the profile and an empty wallet.
    """
    return call.ctx.run(lambda tx: service.verify(tx, call.user, now=call.now))

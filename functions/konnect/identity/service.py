"""The profile behind a Firebase account: users/{uid}, private to its owner and admins."""

from datetime import datetime

from konnect.auth import Principal
from konnect.errors import Forbidden, NotFound
from konnect.ledger import service as ledger
from konnect.store import Doc, Tx


def verify(tx: Tx, principal: Principal, *, now: datetime) -> Doc:
    """The caller's profile, created with an empty wallet on first sight; e-mail and role follow the account.

    Raises Forbidden (ACCOUNT_DISABLED) for a disabled account.
    """
    profile = tx.get("users", principal.uid)
    if profile is None:
        profile = {
            "email": principal.email,
            "name": principal.name or (principal.email or "").split("@")[0],
            "role": principal.role,
            "disabled": False,
            "createdAt": now,
            "updatedAt": now,
        }
        tx.create(("users", principal.uid), profile)
    elif profile["disabled"]:
        raise Forbidden("this account is disabled", code="ACCOUNT_DISABLED")
    elif (profile["email"], profile["role"]) != (principal.email, principal.role):
        changed = {"email": principal.email, "role": principal.role, "updatedAt": now}
        tx.update(("users", principal.uid), changed)
        profile = {**profile, **changed}
    ledger.open_wallet(tx, principal.uid, now=now)
    return {**profile, "id": principal.uid}


def name_of(tx: Tx, uid: str) -> str:
    """The name others see. Raises NotFound for a user who has never signed in here."""
    profile = tx.get("users", uid)
    if profile is None:
        raise NotFound("there is no such user")
    return str(profile["name"])

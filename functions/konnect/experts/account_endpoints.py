"""/auth: accounts by address and password. Here, since a consultant's registration is an expert's application."""

from typing import Any

from konnect import auth
from konnect.auth import Principal
from konnect.http import limiting
from konnect.http.routing import Call, Router
from konnect.identity import sign_in
from konnect.platform import platform_config
from konnect.store import Doc, Tx

from . import applications, service
from .account_schemas import Credentials, NewAccount, SignedIn

router = Router("Accounts")
TITLE = "Consultant"
"""Of a consultant's profile, until they write their own."""


@router.post(
    "/auth/register",
    response=SignedIn,
    auth="public",
    status=201,
    limit="auth",
    counts_itself=True,
    errors=(409, 503),
)
def register(call: Call, body: NewAccount) -> dict[str, Any]:
    """Make an account with address and password, a profile and an empty wallet.

    409 EMAIL_TAKEN or PHONE_TAKEN, 400 WEAK_PASSWORD. Nobody becomes an admin here.
    """
    client = _client(call)
    config = platform_config(call.ctx.db)

    def apply(tx: Tx, principal: Principal) -> None:
        fields = {"name": body.name, "title": TITLE, "company": "", "experience": 0, "bio": ""}
        fields |= {"specialties": [], "languages": []}
        applications.apply(tx, principal.uid, principal.email, fields, config, now=call.now)

    entry = sign_in.register(
        call.ctx,
        body.model_dump(by_alias=True),
        client=client,
        also=apply if body.role == "consultant" else None,
        now=call.now,
    )
    return _view(call, entry)


@router.post("/auth/login", response=SignedIn, auth="public", limit="auth", counts_itself=True, errors=(403, 503))
def log_in(call: Call, body: Credentials) -> dict[str, Any]:
    """Sign in with address and password.

    401 INVALID_CREDENTIALS, whatever of them is wrong. After five failures in 15 minutes 429 TOO_MANY_ATTEMPTS until
    they are over (`Retry-After`).
    """
    return _view(call, sign_in.log_in(call.ctx, body.email, body.password, client=_client(call), now=call.now))


def _client(call: Call) -> str:
    """Counted by address, whatever token the request carries."""
    call.response_headers["Cache-Control"] = "no-store"
    limiting.take(call, "auth", None)
    return limiting.address(call.request, call.ctx.settings.trusted_proxies)


def _view(call: Call, entry: sign_in.Entry) -> dict[str, Any]:
    profile = entry.profile
    expert = call.ctx.run(lambda tx: _expert(tx, profile["id"]))
    status = expert["mentorStatus"] if expert is not None else None
    role = "consultant" if status not in {None, "rejected"} or profile["role"] == "expert" else "user"
    return {
        "id": profile["id"],
        "token": entry.cookie,
        "tokenExpiresIn": int(auth.COOKIE_LIFE.total_seconds()),
        "user": {
            **profile,
            "role": "admin" if profile["role"] == "admin" else role,
            "consultantStatus": status,
        },
        "idToken": entry.signed_in.id_token,
        "refreshToken": entry.signed_in.refresh_token,
        "expiresIn": entry.signed_in.expires_in_s,
    }


def _expert(tx: Tx, uid: str) -> Doc | None:
    return tx.get("experts", service.id_of(tx, uid))

"""/api/v1/users: SkillVerse's accounts, on Firebase's tokens. Others' profiles and the dashboard are `dashboards`'s."""

from typing import Any

from konnect import clock
from konnect.experts.account_schemas import Credentials
from konnect.gamification import schemas as gamification
from konnect.http import limiting
from konnect.http.routing import Call, Router
from konnect.identity import recovery, sign_in
from konnect.integrations.identity_toolkit.client import SignedIn as Tokenized
from konnect.store import Doc

from . import accounts
from .schemas import (
    AddressGiven,
    Confirmation,
    MailToken,
    NewMemberAccount,
    NewPasswordByMail,
    OwnMember,
    PasswordChange,
    ProfileChange,
    RefreshToken,
    SignedInMember,
    SkillsChange,
    Tokens,
    VerifiedAddress,
)

router = Router("SkillVerse accounts")
BASE = "/api/v1/users"


@router.post(
    f"{BASE}/register",
    response=SignedInMember,
    auth="public",
    status=201,
    limit="auth",
    counts_itself=True,
    errors=(409, 503),
)
def register(call: Call, body: NewMemberAccount) -> dict[str, Any]:
    """Make an account with a public profile and an empty wallet, and mail a link to verify the address.

    409 EMAIL_TAKEN, 400 WEAK_PASSWORD. Nobody becomes an admin here.
    """
    given = accounts.NewMember(body.name, body.email, body.password, body.role, body.referral_code)
    return _signed_in(call, accounts.register(call.ctx, given, client=_client(call), now=call.now))


@router.post(
    f"{BASE}/login", response=SignedInMember, auth="public", limit="auth", counts_itself=True, errors=(403, 503)
)
def log_in(call: Call, body: Credentials) -> dict[str, Any]:
    """Sign in with address and password.

    401 INVALID_CREDENTIALS, whatever of them is wrong. After five failures in 15 minutes 429 TOO_MANY_ATTEMPTS until
    they are over (`Retry-After`).
    """
    client = _client(call)
    entry = sign_in.log_in(call.ctx, body.email, body.password, client=client, with_cookie=False, now=call.now)
    return _signed_in(call, entry)


@router.post(f"{BASE}/logout", response=Confirmation, limit="auth")
def log_out(call: Call) -> dict[str, Any]:
    """Sign out, on all devices: every token that is out ends, and sockets with them."""
    recovery.sign_out(call.ctx, call.user, now=call.now)
    return {"message": "You are signed out on all devices."}


@router.post(f"{BASE}/refresh-token", response=Tokens, auth="public", errors=(403, 503))
def refresh_token(call: Call, body: RefreshToken) -> dict[str, Any]:
    """The next token.

    401 REFRESH_TOKEN_INVALID, or TOKEN_REVOKED after signing out or a change of password: sign in again.
    """
    call.response_headers["Cache-Control"] = "no-store"
    return _tokens(recovery.refresh(call.ctx, body.refresh_token))


@router.post(
    f"{BASE}/forgot-password",
    response=Confirmation,
    auth="public",
    status=202,
    limit="auth",
    counts_itself=True,
    errors=(503,),
)
def forgot_password(call: Call, body: AddressGiven) -> dict[str, Any]:
    """Mail a link to choose a new password. The answer is the same whether the address is known or not."""
    _client(call)
    recovery.ask_for_reset(call.ctx, body.email, now=call.now)
    return {"message": "If there is an account with this address, a mail is on its way to it."}


@router.post(
    f"{BASE}/reset-password", response=Confirmation, auth="public", limit="auth", counts_itself=True, errors=(503,)
)
def reset_password(call: Call, body: NewPasswordByMail) -> dict[str, Any]:
    """Choose a new password by the token of the mail; every sign-in of before ends.

    400 TOKEN_INVALID for a token that never was, was used, or is older than an hour; 400 WEAK_PASSWORD.
    """
    recovery.reset(call.ctx, body.token, body.password, client=_client(call), now=call.now)
    return {"message": "Your password is changed. Please sign in."}


@router.post(
    f"{BASE}/verify-email", response=VerifiedAddress, auth="public", limit="auth", counts_itself=True, errors=(503,)
)
def verify_email(call: Call, body: MailToken) -> dict[str, Any]:
    """Verify the address by the token of the mail. Tokens say so from their next refresh on. 400 TOKEN_INVALID."""
    _client(call)
    return {"id": recovery.verify_email(call.ctx, body.token)}


@router.post(f"{BASE}/resend-verification", response=Confirmation, status=202, limit="auth")
def resend_verification(call: Call) -> dict[str, Any]:
    """Mail another link to verify the caller's address; three mails in 15 minutes at most."""
    if recovery.ask_for_verification(call.ctx, call.user, now=call.now):
        return {"message": "A mail is on its way to you."}
    return {"message": "Your address is verified already."}


@router.get(f"{BASE}/me", response=OwnMember)
def me(call: Call) -> dict[str, Any]:
    """The caller's account. It counts as the day's activity."""
    return _view(call, accounts.own(call.ctx, call.user, now=call.now))


@router.put(f"{BASE}/profile", response=OwnMember, errors=(503,))
def change_profile(call: Call, body: ProfileChange) -> dict[str, Any]:
    """Edit the caller's profile. Addresses and phone numbers in `bio` are put out of sight."""
    given = body.model_dump(by_alias=True, exclude_unset=True)
    return _view(call, accounts.change(call.ctx, call.user, given, now=call.now))


@router.put(f"{BASE}/skills", response=OwnMember)
def change_skills(call: Call, body: SkillsChange) -> dict[str, Any]:
    """Replace the caller's skills; those that stay keep their endorsements."""
    given = body.model_dump(by_alias=True, exclude_unset=True)
    if "skills" in given:
        # A skill's level has a default.
        given["skills"] = [skill.model_dump() for skill in body.skills]
    return _view(call, accounts.change_skills(call.ctx, call.user, given, now=call.now))


@router.put(f"{BASE}/change-password", response=Tokens, limit="auth", errors=(503,))
def change_password(call: Call, body: PasswordChange) -> dict[str, Any]:
    """Change the password. All sign-ins of before end, this one too: go on with the tokens of the answer.

    400 INVALID_CREDENTIALS names `currentPassword`; wrong ones count as at sign-in (429 TOO_MANY_ATTEMPTS).
    """
    client = limiting.address(call.request, call.ctx.settings.trusted_proxies)
    entry = recovery.change_password(
        call.ctx, call.user, body.current_password, body.new_password, client=client, now=call.now
    )
    return _tokens(entry.signed_in)


def _client(call: Call) -> str:
    """Counted by address, whatever token the request carries."""
    call.response_headers["Cache-Control"] = "no-store"
    limiting.take(call, "auth", None)
    return limiting.address(call.request, call.ctx.settings.trusted_proxies)


def _signed_in(call: Call, entry: sign_in.Entry) -> dict[str, Any]:
    principal = sign_in.principal_of(call.ctx, entry.signed_in)
    return {**_tokens(entry.signed_in), "user": _view(call, accounts.own(call.ctx, principal, now=call.now))}


def _tokens(given: Tokenized) -> dict[str, Any]:
    return {"token": given.id_token, "refreshToken": given.refresh_token, "expiresIn": given.expires_in_s}


def _view(call: Call, own: Doc) -> dict[str, Any]:
    state = gamification.standing(own["gamification"], clock.business_day(call.now))
    return {**own, "gamification": state}

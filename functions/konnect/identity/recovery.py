"""Accounts by address and password, beyond signing in: the next token, signing out, a new or forgotten password, the
address verified (specs of SkillVerse, authentication endpoints).

Codes are Firebase's (out-of-band codes), each good once; we mail them with a link of the frontend's, where APP_URL
names one. Nothing here tells whether an address is known.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from konnect import auth, clock, ids
from konnect.auth import Principal
from konnect.context import Context
from konnect.errors import BadGateway, BadRequest, Unauthenticated
from konnect.integrations.identity_toolkit.client import IdentityToolkit, SignedIn
from konnect.store import Tx
from konnect.tasks import Task

from . import service, sign_in

log = logging.getLogger(__name__)

MAIL = "/identity/mail-code"
WANTED_FOR = timedelta(hours=1)
"""Who has asked longer ago, while no mail went out, has asked again or given up."""
Kind = Literal["reset", "verification"]
_MAILS: dict[Kind, tuple[str, str]] = {
    "reset": ("Reset your password", "/reset-password"),
    "verification": ("Verify your e-mail address", "/verify-email"),
}


def refresh(ctx: Context, refresh_token: str) -> SignedIn:
    """The next ID token of who has signed in.

    Raises Unauthenticated (REFRESH_TOKEN_INVALID; TOKEN_REVOKED after signing out or a change of password), Forbidden
    (ACCOUNT_DISABLED), RateLimited, Unavailable.
    """
    signed_in = IdentityToolkit(ctx.settings).refresh(refresh_token)
    auth.authenticate(ctx, signed_in.id_token)
    return signed_in


def sign_out(ctx: Context, principal: Principal, *, now: datetime) -> None:
    """End every sign-in of the caller, on all devices: tokens, cookies, sockets. Raises Unavailable."""
    ctx.run(lambda tx: service.verify(tx, principal, now=now))
    at = auth.revoke(principal.uid, using=ctx.settings)
    ctx.run(lambda tx: service.end_sign_ins(tx, principal.uid, at=at))
    auth.forget(principal.uid)


def change_password(
    ctx: Context, principal: Principal, old: str, new: str, *, client: str, now: datetime
) -> sign_in.Entry:
    """Change the caller's password, end all other sign-ins, and sign in with the new one.

    Raises BadRequest (currentPassword: INVALID_CREDENTIALS; newPassword: WEAK_PASSWORD), RateLimited
    (TOO_MANY_ATTEMPTS), Unavailable.
    """
    email = principal.email
    if email is None:
        raise BadRequest.field("currentPassword", "this account has no password")
    _check_length("newPassword", new)
    try:
        signed_in = sign_in.check_password(ctx, email, old, client=client, now=now)
    except Unauthenticated as error:
        raise BadRequest.field("currentPassword", "is wrong", code="INVALID_CREDENTIALS") from error
    # Else the sign-in at the end could be one attempt too many, with the password changed.
    sign_in.welcome(ctx, email, client, now=now)
    recent = sign_in.principal_of(ctx, signed_in)
    try:
        service.change(ctx, recent, {"password": new}, now=now)
    except BadRequest as error:
        raise BadRequest.field("newPassword", "is not accepted", code="WEAK_PASSWORD") from error
    at = clock.now()
    ctx.run(lambda tx: service.end_sign_ins(tx, recent.uid, at=at))
    auth.forget(recent.uid)
    return sign_in.log_in(ctx, email, new, client=client, with_cookie=False, now=now)


def ask_for_reset(ctx: Context, email: str, *, now: datetime) -> None:
    """Mail a code to reset the password, if there is such an account: found out by the task, so that the answer takes
    as long for any address. More than a few mails in a quarter of an hour go nowhere. Raises Unavailable."""
    mail(ctx, "reset", email, now=now)


def ask_for_verification(ctx: Context, principal: Principal, *, now: datetime) -> bool:
    """Mail the caller a code to verify their address; returns False for one that is verified. Raises Unavailable."""
    account = service.own(ctx, principal, now=now)
    if account["verified"] or not account["email"]:
        return False
    mail(ctx, "verification", account["email"], now=now)
    return True


def mail(ctx: Context, kind: Kind, email: str, *, now: datetime) -> None:
    """Have a code mailed, unless this address has had its mails for now. Raises Unavailable."""
    if sign_in.may_mail(ctx, email, now=now):
        about = {"kind": kind, "email": email, "at": clock.iso(now)}
        ctx.flush([Task(MAIL, ("mail-code", *about.values()), about)], [])


def mail_code(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """Cloud Tasks handler: {"kind", "email", "at"}. What the mail server refuses is given up, what it does not take now
    is tried again for WANTED_FOR. Raises Unavailable."""
    kind: Kind = payload["kind"]
    if now - datetime.fromisoformat(payload["at"]) > WANTED_FOR:
        log.warning("a mail with a code comes too late", extra={"kind": kind})
        return
    code = auth.mail_code(kind, payload["email"], using=ctx.settings)
    if code is None:
        return
    from konnect.integrations.mail.client import Mail, mailer
    from konnect.notifications import templates

    subject, page = _MAILS[kind]
    doc = {
        "type": f"code_{kind}",
        "title": subject,
        "message": subject,
        "data": {"code": code, "hasLink": bool(ctx.settings.app_url)},
        "actionUrl": f"{page}?token={quote(code, safe='')}",
    }
    _, text, html = templates.render(doc, name=None, app_url=ctx.settings.app_url)
    try:
        mailer(ctx.settings).send(Mail(ids.new(), payload["email"], subject, text, html))
    except BadGateway as error:
        log.warning("a mail with a code was refused", extra={"kind": kind, "error": error.message})


def reset(ctx: Context, code: str, password: str, *, client: str, now: datetime) -> None:
    """Set a new password by the code of a mail, and end every sign-in of before.

    Raises BadRequest (token: TOKEN_INVALID; password: WEAK_PASSWORD), RateLimited, Unavailable.
    """
    _check_length("password", password)
    toolkit = IdentityToolkit(ctx.settings)
    email = toolkit.check_code(code, "PASSWORD_RESET")
    toolkit.reset_password(code, password)
    uid, is_verified = auth.account_of(email, using=ctx.settings)
    at = auth.revoke(uid, using=ctx.settings)

    def write(tx: Tx) -> None:
        if tx.get("users", uid) is None:
            # An account of Firebase's SDK that has never come here.
            return
        if is_verified:
            # Whoever has read the mail has the address.
            service.email_verified(tx, uid, email, at=at)
        service.end_sign_ins(tx, uid, at=at)
        service.warn(tx, uid, email, None, True, at)

    ctx.run(write)
    auth.forget(uid)
    sign_in.welcome(ctx, email, client, now=now)


def verify_email(ctx: Context, code: str) -> str:
    """Take the address for verified by the code of a mail; returns the uid. Raises BadRequest (token: TOKEN_INVALID),
    RateLimited, Unavailable."""
    toolkit = IdentityToolkit(ctx.settings)
    toolkit.check_code(code, "VERIFY_EMAIL")
    uid, email = toolkit.verify_email(code)
    at = clock.now()
    ctx.run(lambda tx: service.email_verified(tx, uid, email, at=at))
    auth.forget(uid)
    return uid


def _check_length(field: str, password: str) -> None:
    if len(password) < sign_in.MIN_PASSWORD:
        raise BadRequest.field(field, f"must have at least {sign_in.MIN_PASSWORD} characters", code="WEAK_PASSWORD")

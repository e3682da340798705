"""Accounts by address and password, for frontends that don't use Firebase's SDKs (specs of kundlinow, authentication).

Passwords are Firebase Auth's; here none is kept. A sign-in gives a session cookie of a week (`token`), and Firebase's
own ID and refresh token beside it. Passwords tried in vain are counted across instances (konnect.limits): five a
quarter of an hour for one account from one client's address, and 20 for one account from all addresses together, but
those that have signed in to it within KNOWN_FOR: so nobody can keep its owner out.

signIns/{digest}: {expiresAt}, by a keyed hash of account and client: such an address. No client reads them.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from konnect import auth, clock, encryption
from konnect.auth import Principal
from konnect.context import Context
from konnect.errors import BadRequest, KonnectError
from konnect.integrations.identity_toolkit.client import IdentityToolkit, SignedIn, too_many_attempts
from konnect.limits import Name
from konnect.store import Doc, Tx

from . import birth, phones, service

log = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=30)
MIN_PASSWORD = 6
"""Firebase's own."""


@dataclass(frozen=True)
class Entry:
    """Somebody who has just signed in: their profile, with its id, and what to be known by from now on; `cookie` is
    empty where none was asked for."""

    profile: Doc
    cookie: str
    signed_in: SignedIn


def register(
    ctx: Context,
    given: dict[str, Any],
    *,
    client: str,
    also: Callable[[Tx, Principal], None] | None = None,
    with_cookie: bool = True,
    now: datetime,
) -> Entry:
    """A new account with profile and empty wallet, as `service.verify` makes them, and in the same transaction `also`.

    `given`: {name, email, password, phone (E.164), dateOfBirth, timeOfBirth, placeOfBirth}, the last four optional;
    `client` is the address that asks. Raises Conflict (EMAIL_TAKEN, PHONE_TAKEN), BadRequest (WEAK_PASSWORD),
    RateLimited, Unavailable; then there is no account.
    """
    if len(given["password"]) < MIN_PASSWORD:
        raise BadRequest.field("password", f"must have at least {MIN_PASSWORD} characters", code="WEAK_PASSWORD")
    fields = {name: given[name] for name in service.PRIVATE if given.get(name) is not None}
    birth.check(fields, now=now)
    if "phone" in fields:
        phones.require_free(ctx, fields["phone"])
    toolkit = IdentityToolkit(ctx.settings)
    # By the functions' own account: Firebase lets an address of the network make 100 accounts an hour, and all sign-ups
    # through here come from a few.
    uid = auth.create_account(given["email"], given["password"], given["name"], using=ctx.settings)
    try:
        signed_in = toolkit.sign_in(given["email"], given["password"])
        principal = principal_of(ctx, signed_in)
        private = service.Private(ctx, principal.uid, fields, now=now)
        # Before the profile: nothing that can fail comes after it.
        cookie = auth.session_cookie(signed_in.id_token, using=ctx.settings) if with_cookie else ""

        def write(tx: Tx) -> Doc:
            profile = service.verify(tx, principal, now=now)
            changed = private.keep(tx, now=now)
            if changed:
                tx.update(("users", principal.uid), changed)
            if also is not None:
                also(tx, principal)
            return {**profile, **changed}

        profile = ctx.run(write)
    except Exception:
        _undo(ctx, uid)
        raise
    _remember(ctx, given["email"], client, now)
    return Entry(profile, cookie, signed_in)


def log_in(ctx: Context, email: str, password: str, *, client: str, with_cookie: bool = True, now: datetime) -> Entry:
    """Raises Unauthenticated (INVALID_CREDENTIALS), the same for an unknown address, a wrong password and an account
    that Firebase has disabled; RateLimited (TOO_MANY_ATTEMPTS); Forbidden (ACCOUNT_DISABLED), Unavailable.
    """
    signed_in = check_password(ctx, email, password, client=client, now=now)
    principal = principal_of(ctx, signed_in)
    profile = ctx.run(lambda tx: service.verify(tx, principal, now=now))
    if _is_refused(profile, principal):
        # Signed out within this second: auth_time has whole ones, so this sign-in would count as one of before.
        time.sleep(1.05 - clock.now().microsecond / 1_000_000)
        signed_in = IdentityToolkit(ctx.settings).sign_in(email, password)
    cookie = auth.session_cookie(signed_in.id_token, using=ctx.settings) if with_cookie else ""
    welcome(ctx, email, client, now=now)
    return Entry(profile, cookie, signed_in)


def check_password(ctx: Context, email: str, password: str, *, client: str, now: datetime) -> SignedIn:
    """Sign in, counted as one of the passwords that may be tried. Raises Unauthenticated (INVALID_CREDENTIALS),
    RateLimited (TOO_MANY_ATTEMPTS), Unavailable."""
    pair, account = _digest(ctx, email, client), _digest(ctx, email, "")
    is_known = _is_known(ctx.db.get("signIns", pair), now)
    # Counted before the password is looked at: guesses that come at once are all counted.
    _count(ctx, "sign-in", pair, now)
    if not is_known:
        _count(ctx, "account", account, now)
    return IdentityToolkit(ctx.settings).sign_in(email, password)


def welcome(ctx: Context, email: str, client: str, *, now: datetime) -> None:
    """The owner is there, at this address of the network: what was tried in vain from it is forgotten."""
    ctx.limiter.clear("sign-in", _caller(_digest(ctx, email, client)), now)
    _remember(ctx, email, client, now)


def may_mail(ctx: Context, email: str, *, now: datetime) -> bool:
    """Count a mail with a code; whether it may go out."""
    return not ctx.limiter.take("mails", _caller(_digest(ctx, email, "")), now).refused


def principal_of(ctx: Context, signed_in: SignedIn) -> Principal:
    claims = auth.verify_token(signed_in.id_token, using=ctx.settings)
    return Principal(
        uid=claims.uid,
        email=claims.email,
        email_verified=claims.email_verified,
        name=claims.name,
        role=claims.role,
        expires_at=claims.expires_at,
        auth_time=claims.auth_time,
        issued_at=claims.issued_at,
    )


def _is_refused(profile: Doc, principal: Principal) -> bool:
    valid_after = profile.get("tokensValidAfter")
    return valid_after is not None and principal.auth_time is not None and principal.auth_time < valid_after


def _undo(ctx: Context, uid: str) -> None:
    """An account without what belongs to it would only stand in the way of the next try."""
    if ctx.db.get("users", uid) is not None:
        # It is whole: committed, although its answer was lost.
        return
    try:
        auth.delete_account(uid, using=ctx.settings)
    except KonnectError as error:
        # Whoever signs in to it gets a profile then.
        log.warning("an account without a profile stays", extra={"uid": uid, "error": error.message})


def _count(ctx: Context, name: Name, digest: str, now: datetime) -> None:
    standing = ctx.limiter.take(name, _caller(digest), now)
    if standing.refused:
        raise too_many_attempts(standing.reset_s)


def _caller(digest: str) -> str:
    return f"sign-in:{digest}"


def _remember(ctx: Context, email: str, client: str, now: datetime) -> None:
    ctx.db.set(("signIns", _digest(ctx, email, client)), {"expiresAt": now + KNOWN_FOR})


def _is_known(found: Doc | None, now: datetime) -> bool:
    return found is not None and bool(found["expiresAt"] > now)


def _digest(ctx: Context, email: str, client: str) -> str:
    return encryption.digest(ctx, f"{email}\n{client}", "sign-in")

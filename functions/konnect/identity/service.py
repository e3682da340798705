"""The profile behind a Firebase account: users/{uid}, private to its owner and admins.

{name, bio, interests, goals} are the owner's to write, and `phone` (phones.py) and birth details (birth.py), which are
kept sealed; {email, emailVerified, role} repeat the account, whose tokens may be older than the profile:
`claimsChangedAt` is when we last changed them there, and tells a client that listens to fetch a new token.
`cookiesValidAfter` is when the way to sign in last changed, which ends the session cookies of before.
"""

from datetime import datetime, timedelta
from typing import Any

from konnect import auth, clock, contacts
from konnect.auth import Principal
from konnect.context import Context
from konnect.errors import Forbidden, NotFound
from konnect.ledger import service as ledger
from konnect.notifications import service as notifications
from konnect.platform import platform_config
from konnect.realtime import DISCONNECT, user_room
from konnect.store import Doc, Emit, Tx

from . import birth, phones

NAMELESS = "User"
RECENT = timedelta(minutes=5)
"""How old a sign-in may be that changes how one signs in, or deletes the account."""


def verify(tx: Tx, principal: Principal, *, now: datetime) -> Doc:
    """The caller's profile, created with an empty wallet on first sight; e-mail and role follow the account.

    Raises Forbidden (ACCOUNT_DISABLED) for a disabled account.
    """
    profile = tx.get("users", principal.uid)
    if profile is None:
        profile = {
            **_of_account(principal),
            "name": _shown(tx, principal.name or (principal.email or "").split("@")[0]),
            "disabled": False,
            "createdAt": now,
            "updatedAt": now,
        }
        tx.create(("users", principal.uid), profile)
    elif profile["disabled"]:
        raise Forbidden("this account is disabled", code="ACCOUNT_DISABLED")
    elif not (principal.by_cookie or token_is_outdated(profile, principal)) and any(
        profile.get(name) != value for name, value in _of_account(principal).items()
    ):
        changed = {**_of_account(principal), "updatedAt": now}
        tx.update(("users", principal.uid), changed)
        profile = {**profile, **changed}
    ledger.open_wallet(tx, principal.uid, now=now)
    return {**profile, "id": principal.uid}


def is_closed(tx: Tx, uid: str) -> bool:
    """Whether an account is suspended, banned, deleted or about to be."""
    return bool((tx.get("users", uid) or {}).get("disabled"))


def require_open(tx: Tx, uid: str) -> None:
    """Raises Forbidden (ACCOUNT_DISABLED) for an account that was closed since its request was let in: what comes of it
    would outlive the account's erasure."""
    if is_closed(tx, uid):
        raise Forbidden("this account is closed", code="ACCOUNT_DISABLED")


def own(ctx: Context, principal: Principal, *, now: datetime) -> Doc:
    """The caller's profile, created at the first look. Raises Forbidden (ACCOUNT_DISABLED)."""
    profile = ctx.db.get("users", principal.uid)
    if profile is None:
        profile = ctx.run(lambda tx: verify(tx, principal, now=now))
    return _view(ctx, profile, principal)


def change(ctx: Context, principal: Principal, fields: dict[str, Any], *, now: datetime) -> Doc:
    """Change the caller's profile: any of name, phone (E.164), birth details, bio, interests, goals, and how they sign
    in: email, password.

    A new address counts as unverified. Raises Forbidden (RECENT_LOGIN_REQUIRED), Conflict (EMAIL_TAKEN, PHONE_TAKEN),
    BadRequest, Unavailable.
    """
    profile = own(ctx, principal, now=now)
    private = Private(ctx, principal.uid, fields, now=now)
    fields = {name: value for name, value in fields.items() if name not in PRIVATE}
    email, password = fields.pop("email", None), fields.pop("password", None)
    if email == profile["email"]:
        email = None
    changed_at = None
    if email is not None or password is not None:
        require_recent_sign_in(principal, now)
        # Before the profile: if that write fails, the next token brings the new address into it.
        auth.change_sign_in(principal.uid, email=email, password=password, using=ctx.settings)
        changed_at = clock.now()

    def write(tx: Tx) -> Doc:
        before = tx.get("users", principal.uid) or {}
        given = {**fields, **({"name": _shown(tx, fields["name"])} if "name" in fields else {})}
        changed = {name: value for name, value in given.items() if before.get(name) != value}
        if changed_at is not None:
            changed["claimsChangedAt"] = changed_at
            # As a token's times, in whole seconds: who signs in again within this one is let in.
            changed["cookiesValidAfter"] = changed_at.replace(microsecond=0)
        if email is not None:
            changed |= {"email": email, "emailVerified": False}
        if before.get("disabled"):
            raise Forbidden("this account is disabled", code="ACCOUNT_DISABLED")
        changed |= private.keep(tx, now=now)
        if changed:
            changed["updatedAt"] = now
            tx.update(("users", principal.uid), changed)
        if changed_at is not None:
            warn(tx, principal.uid, before.get("email"), email, password is not None, changed_at)
        return {**before, **changed}

    written = ctx.run(write)
    auth.forget(principal.uid)
    if changed_at is not None:
        # A socket of before would listen on.
        ctx.emit([Emit(user_room(principal.uid), DISCONNECT, None)])
    return _view(ctx, written, principal)


PRIVATE = ("phone", *birth.FIELDS)


class Private:
    """What a change says of phone and birth details, sealed outside of the transaction that keeps it."""

    def __init__(self, ctx: Context, uid: str, fields: dict[str, Any], *, now: datetime) -> None:
        """Raises BadRequest (dateOfBirth), Unavailable."""
        self._uid = uid
        self._has_phone, phone = "phone" in fields, fields.get("phone")
        self._phone = phones.seal(ctx, uid, phone) if phone is not None else None
        born = {name: fields[name] for name in birth.FIELDS if name in fields}
        self._birth = birth.Change(ctx, uid, born, now=now) if born else None

    def keep(self, tx: Tx, *, now: datetime) -> Doc:
        """Returns what changes in the profile. Raises Conflict (PHONE_TAKEN), Unavailable."""
        changed = self._birth.keep(tx, now=now) if self._birth is not None else {}
        if self._has_phone:
            changed |= phones.keep(tx, self._uid, self._phone, now=now)
        return changed


def require_recent_sign_in(principal: Principal, now: datetime) -> None:
    """Raises Forbidden (RECENT_LOGIN_REQUIRED) unless the caller has signed in within RECENT."""
    if principal.auth_time is None or now - principal.auth_time > RECENT:
        raise Forbidden("please sign in again to do this", code="RECENT_LOGIN_REQUIRED")


def role_changed(tx: Tx, uid: str, role: str, *, at: datetime) -> None:
    """Note that the account's claim `role` was changed before `at`. An admin keeps the wider role."""
    profile = tx.get("users", uid)
    if profile is not None:
        kept = "admin" if profile["role"] == "admin" else role
        tx.update(("users", uid), {"role": kept, "claimsChangedAt": at, "updatedAt": at})


def rename(tx: Tx, uid: str, name: str, *, now: datetime) -> str:
    """Change the name that others see. Returns it as they do. Raises NotFound."""
    name = _shown(tx, name)
    if name != name_of(tx, uid):
        tx.update(("users", uid), {"name": name, "updatedAt": now})
    return name


def email_verified(tx: Tx, uid: str, email: str, *, at: datetime) -> None:
    """Note that the account's address was found to be its owner's before `at`; tokens say so from their next refresh
    on. Does nothing if the profile has another address by now."""
    profile = tx.get("users", uid)
    if profile is not None and not profile["disabled"] and (profile["email"] or "").lower() == email.lower():
        tx.update(("users", uid), {"emailVerified": True, "claimsChangedAt": at, "updatedAt": at})


def end_sign_ins(tx: Tx, uid: str, *, at: datetime) -> None:
    """Refuse the tokens and cookies of whoever signed in before `at`, send their sockets out, and push nothing to their
    devices until they are registered again."""
    notifications.stop_pushing(tx, uid)
    tx.update(("users", uid), {"tokensValidAfter": at, "cookiesValidAfter": at, "updatedAt": at})
    tx.emit(user_room(uid), DISCONNECT, None)


def name_of(tx: Tx, uid: str) -> str:
    """The name others see. Raises NotFound for a user who has never signed in here."""
    profile = tx.get("users", uid)
    if profile is None:
        raise NotFound("there is no such user")
    return str(profile["name"])


def _shown(tx: Tx, name: str) -> str:
    """A name as others see it: it is no way around the platform, unless the configuration lets texts be one."""
    if platform_config(tx.db).maskContacts == "nowhere":
        return name
    return contacts.name(name) or NAMELESS


def token_is_outdated(profile: Doc, principal: Principal) -> bool:
    """Whether the caller's token was made before the account's claims were last changed."""
    changed_at = profile.get("claimsChangedAt")
    return changed_at is not None and (principal.issued_at is None or principal.issued_at < changed_at)


def _of_account(principal: Principal) -> Doc:
    """What the profile repeats of the account."""
    return {"email": principal.email, "emailVerified": principal.email_verified, "role": principal.role}


def _view(ctx: Context, profile: Doc, principal: Principal) -> Doc:
    """The owner's. What is sealed is read only if there is any."""
    uid = principal.uid
    return {
        **profile,
        "id": uid,
        "phone": phones.of(ctx, uid) if profile.get("phone") else None,
        **((birth.of(ctx, uid) if profile.get("hasBirthDetails") else None) or {}),
        "verified": profile.get("emailVerified", False),
        # A session cookie can't be refreshed, and needs not be; nor a token that says what it would say again: one of
        # the second of the change is older by its whole seconds, whenever in it it was made.
        "refreshToken": not principal.by_cookie
        and token_is_outdated(profile, principal)
        and any(profile.get(name) != value for name, value in _of_account(principal).items()),
    }


def warn(tx: Tx, uid: str, old_email: str | None, new_email: str | None, new_password: bool, at: datetime) -> None:
    """Tell the owner that the way to sign in has changed; by mail to the address they had until now."""
    about = (clock.iso(at),)
    if new_email is not None:
        notifications.notify(
            tx,
            uid,
            "email_changed",
            about=about,
            title="Your e-mail address was changed",
            body=f"You sign in with {new_email} from now on.",
            data={"email": new_email},
            now=at,
            mail_to=old_email,
        )
    if new_password:
        notifications.notify(
            tx,
            uid,
            "password_changed",
            about=about,
            title="Your password was changed",
            body="If this was not you, reset it at once.",
            now=at,
            mail_to=old_email,
        )

"""A member's own account: registration, and what they see and change of themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import encryption
from konnect.auth import Principal
from konnect.context import Context
from konnect.errors import BadRequest
from konnect.experts import applications
from konnect.experts import service as experts
from konnect.experts.texts import without_contacts
from konnect.gamification import service as gamification
from konnect.identity import recovery, sign_in
from konnect.identity import service as identity
from konnect.platform import PlatformConfig, platform_config
from konnect.store import Doc, Tx
from konnect.uploads import service as uploads
from konnect.uploads.files import path_of

from . import referrals, service
from .service import Role

TITLE = "Educator"
"""Of an educator's profile, until they write their own."""


@dataclass(frozen=True)
class NewMember:
    name: str
    email: str
    password: str
    role: Role
    referral_code: str | None


def register(ctx: Context, given: NewMember, *, client: str, now: datetime) -> sign_in.Entry:
    """A new account with its public profile; an educator applies as every expert does. A mail asks to verify the
    address. Raises as sign_in.register, and BadRequest (referralCode)."""
    by = referrals.referrer(ctx.db, given.referral_code) if given.referral_code else None
    if given.referral_code and by is None:
        raise BadRequest.field("referralCode", "nobody has this code")
    config = platform_config(ctx.db)
    friend = encryption.digest(ctx, given.email, "referral") if by is not None else ""

    def begin(tx: Tx, principal: Principal) -> None:
        if given.role == "educator":
            _apply(tx, principal.uid, principal.email, given.name, config, now)
        service.ensure(tx, principal.uid, now, role=given.role)
        if by is not None:
            referrals.note(tx, principal.uid, by, friend, now=now)
        gamification.touch(tx, principal.uid, now=now)

    fields = {"name": given.name, "email": given.email, "password": given.password}
    entry = sign_in.register(ctx, fields, client=client, also=begin, with_cookie=False, now=now)
    recovery.mail(ctx, "verification", given.email, now=now)
    return entry


def own(ctx: Context, principal: Principal, *, now: datetime) -> Doc:
    """The caller's own view, made at the first look. It counts as an activity of the day. Raises Forbidden
    (ACCOUNT_DISABLED)."""

    def look(tx: Tx) -> Doc:
        own = [(name, principal.uid) for name in ("users", "wallets", "members", "gamification", "expertsByUid")]
        tx.prefetch(*own, ("experts", principal.uid))
        user = identity.verify(tx, principal, now=now)
        return _view(tx, user, service.ensure(tx, principal.uid, now), now)

    return ctx.run(look)


def change(ctx: Context, principal: Principal, given: dict[str, Any], *, now: datetime) -> Doc:
    """Change the caller's profile (service.change); the name is the account's too. Who becomes an educator applies to
    be an expert, unless they have ever applied: a rejected one applies again by the form, with what they write there.
    Raises BadRequest (profileImage), Forbidden (ACCOUNT_DISABLED), Unavailable."""
    uid, config = principal.uid, platform_config(ctx.db)
    url = given.get("profileImage")
    kept = (ctx.db.get("members", uid) or {}).get("profileImage")
    photo = None
    if url is not None and url != kept and path_of(ctx.settings, url) is not None:
        photo = uploads.checked(ctx, uid, url, "photo", field="profileImage", now=now)
        given = {**given, "profileImage": photo.url}

    def write(tx: Tx) -> Doc:
        user = identity.verify(tx, principal, now=now)
        before = service.ensure(tx, uid, now)
        fields = without_contacts(tx, given)
        if given.get("role") == "educator" and tx.get("experts", experts.id_of(tx, uid)) is None:
            _apply(tx, uid, principal.email, str(fields.get("name", user["name"])), config, now)
        if "name" in fields:
            user = {**user, "name": identity.rename(tx, uid, fields["name"], now=now)}
        old = before["profileImage"]
        if "profileImage" in fields and old not in {None, fields["profileImage"]}:
            uploads.release(tx, ctx.settings, uid, old, "photo", field="profileImage", now=now)
        if photo is not None:
            uploads.use(tx, photo, field="profileImage", now=now)
        return _view(tx, user, service.change(tx, uid, fields, now=now), now)

    return ctx.run(write)


def change_skills(ctx: Context, principal: Principal, given: dict[str, Any], *, now: datetime) -> Doc:
    """Put skills, offered and desired ones in the place of those that are; what is left out stays."""

    def write(tx: Tx) -> Doc:
        user = identity.verify(tx, principal, now=now)
        member = service.set_skills(
            tx,
            principal.uid,
            given.get("skills"),
            offered=given.get("offeredSkills"),
            desired=given.get("desiredSkills"),
            now=now,
        )
        return _view(tx, user, member, now)

    return ctx.run(write)


def _view(tx: Tx, user: Doc, member: Doc, now: datetime) -> Doc:
    uid = user["id"]
    state = gamification.touch(tx, uid, now=now) or gamification.find(tx, uid)
    expert = tx.get("experts", experts.id_of(tx, uid))
    return {
        **member,
        "name": user["name"],
        "email": user["email"],
        "emailVerified": user["emailVerified"],
        "role": "admin" if user["role"] == "admin" else member["role"],
        "educatorStatus": expert["mentorStatus"] if expert is not None else None,
        "skillExchangeProfile": {**member, "rating": member["exchangeRating"]},
        "gamification": state,
    }


def _apply(tx: Tx, uid: str, email: str | None, name: str, config: PlatformConfig, now: datetime) -> None:
    fields = {"name": name, "title": TITLE, "company": "", "experience": 0, "bio": ""}
    applications.apply(tx, uid, email, {**fields, "specialties": [], "languages": []}, config, now=now)

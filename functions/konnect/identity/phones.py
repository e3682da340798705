"""Phone numbers: one account each, and readable by nobody but their owner.

users/{uid} shows the last digits (`phone`: "••••3210"); users/{uid}/sealed/phone: {sealed, digest, updatedAt} has the
number, encrypted (konnect/encryption.py). phones/{digest}: {uid, createdAt} makes it unique, by a keyed hash: no two
users' transactions create the same document. No client reads either.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from konnect import encryption
from konnect.context import Context
from konnect.errors import Conflict
from konnect.store import Doc, Tx

INDIA = "+91"
MASK = "••••"
SHOWN_DIGITS = 4
_INDIAN = re.compile(r"(?:\+910*([1-9][0-9]{9})|0?([6-9][0-9]{9}))")
"""The 0 is dialled within India, and often written behind the country too: it is the same number."""
_FOREIGN = re.compile(r"\+(?!91)[1-9][0-9]{6,14}")


@dataclass(frozen=True)
class Sealed:
    """A number as it is kept."""

    shown: str
    sealed: str
    digest: str


def e164(given: str) -> str:
    """A number as ITU-T E.164 writes it ("+919876543210"); without a country it is an Indian mobile number.

    Raises ValueError.
    """
    # A (0) is dialled only without the country.
    number = re.sub(r"\(0\)|[ ().-]", "", given)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if indian := _INDIAN.fullmatch(number):
        return INDIA + (indian[1] or indian[2])
    if not _FOREIGN.fullmatch(number):
        raise ValueError("is not a phone number; give it with its country: +91 98765 43210")
    return number


def seal(ctx: Context, uid: str, phone: str) -> Sealed:
    """Outside of any transaction. `phone` is E.164. Raises Unavailable."""
    shown = MASK + phone[-SHOWN_DIGITS:]
    return Sealed(shown, encryption.seal(ctx, phone, _about(uid)), _digest(ctx, phone))


def of(ctx: Context, uid: str) -> str | None:
    """The number in full, for its owner. Outside of any transaction. Raises Unavailable."""
    found = ctx.db.get(*_path(uid))
    return encryption.unseal(ctx, found["sealed"], _about(uid)) if found is not None else None


def require_free(ctx: Context, phone: str) -> None:
    """A first look, before an account is made for it. Raises Conflict (PHONE_TAKEN), Unavailable."""
    if ctx.db.get("phones", _digest(ctx, phone)) is not None:
        raise _taken()


def keep(tx: Tx, uid: str, given: Sealed | None, *, now: datetime) -> Doc:
    """Set, change or (None) remove a user's number. Returns what changes in the profile. Raises Conflict
    (PHONE_TAKEN)."""
    if given is None:
        _free(tx, uid)
        return {"phone": None}
    before, owner = tx.get(*_path(uid)), tx.get("phones", given.digest)
    if owner is not None and owner["uid"] != uid:
        raise _taken()
    if before is not None and before["digest"] != given.digest:
        tx.delete(("phones", before["digest"]))
    if owner is None:
        tx.create(("phones", given.digest), {"uid": uid, "createdAt": now})
    tx.set(_path(uid), {"sealed": given.sealed, "digest": given.digest, "updatedAt": now})
    return {"phone": given.shown}


def erase(ctx: Context, uid: str) -> None:
    """Free the number of a deleted account. Can be repeated."""
    ctx.run(lambda tx: _free(tx, uid))


def _free(tx: Tx, uid: str) -> None:
    before = tx.get(*_path(uid))
    if before is not None:
        tx.delete(("phones", before["digest"]))
        tx.delete(_path(uid))


def _path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "sealed", "phone")


def _about(uid: str) -> str:
    return "/".join(_path(uid))


def _digest(ctx: Context, phone: str) -> str:
    return encryption.digest(ctx, phone, "phone")


def _taken() -> Conflict:
    return Conflict(
        "another account has this phone number", code="PHONE_TAKEN", details=[{"field": "phone", "message": "is taken"}]
    )

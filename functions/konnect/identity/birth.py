"""When and where somebody was born, which an astrologer works with.

users/{uid}/sealed/birth: {sealed, updatedAt}: {dateOfBirth, timeOfBirth, placeOfBirth} as JSON, encrypted
(konnect/encryption.py); no client reads it. `users/{uid}.hasBirthDetails` says that it is there. Its owner reads it,
and an expert while they consult (`of`, for the domain that knows who consults whom).
"""

import json
from datetime import date, datetime
from typing import Any

from konnect import clock, encryption
from konnect.context import Context
from konnect.errors import BadRequest, Unavailable
from konnect.store import Doc, Tx

FIELDS = ("dateOfBirth", "timeOfBirth", "placeOfBirth")


def of(ctx: Context, uid: str) -> dict[str, str | None] | None:
    """{dateOfBirth: "YYYY-MM-DD", timeOfBirth: "HH:MM", placeOfBirth}, each or None; None without any.

    Outside of any transaction. Raises Unavailable.
    """
    found = ctx.db.get(*_path(uid))
    return _plain(ctx, uid, found) if found is not None else None


def check(given: dict[str, Any], *, now: datetime) -> None:
    """Raises BadRequest (dateOfBirth in the future)."""
    born: date | None = given.get("dateOfBirth")
    if born is not None and born > clock.business_day(now):
        raise BadRequest.field("dateOfBirth", "must not be in the future")


class Change:
    """A change of some of the details, sealed outside of the transaction that keeps it. What is left out stays."""

    def __init__(self, ctx: Context, uid: str, given: dict[str, Any], *, now: datetime) -> None:
        """`given` has some of FIELDS. Raises as `check`, and Unavailable."""
        check(given, now=now)
        self._uid, self._before = uid, ctx.db.get(*_path(uid))
        known = _plain(ctx, uid, self._before) if self._before is not None else {}
        plain = {name: given[name] if name in given else known.get(name) for name in FIELDS}
        plain["dateOfBirth"] = plain["dateOfBirth"] and str(plain["dateOfBirth"])
        self._sealed = None
        if any(plain.values()):
            self._sealed = encryption.seal(ctx, json.dumps(plain, ensure_ascii=False), _about(uid))

    def keep(self, tx: Tx, *, now: datetime) -> Doc:
        """Returns what changes in the profile. Raises Unavailable if somebody else changed them meanwhile."""
        if tx.get(*_path(self._uid)) != self._before:
            raise Unavailable("the details were changed at the same time; please try again")
        if self._sealed is None:
            if self._before is not None:
                tx.delete(_path(self._uid))
            return {"hasBirthDetails": False}
        tx.set(_path(self._uid), {"sealed": self._sealed, "updatedAt": now})
        return {"hasBirthDetails": True}


def _plain(ctx: Context, uid: str, found: Doc) -> dict[str, str | None]:
    plain: dict[str, str | None] = json.loads(encryption.unseal(ctx, found["sealed"], _about(uid)))
    return plain


def _path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "sealed", "birth")


def _about(uid: str) -> str:
    return "/".join(_path(uid))

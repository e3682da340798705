"""Writing an expert's profile, whoever edits it: which document each field belongs to, and what has changed."""

from datetime import datetime
from typing import Any

from konnect.errors import NotFound
from konnect.store import Doc, Tx

from . import mentoring
from .service import PRIVATE, PUBLIC, price
from .texts import without_contacts

NOTHING: tuple[Any, ...] = (None, "", 0, [])


def create(
    tx: Tx,
    expert_id: str,
    fields: Doc,
    *,
    email: str | None,
    firebase_uid: str | None,
    status: str,
    default_price_paise: int,
    now: datetime,
) -> Doc:
    """A new profile. `fields` are the registration's, by their names on the wire, `pricePerMinPaise` for the price.

    The commit fails with Conflict if the profile exists.
    """
    fields = without_contacts(tx, fields)
    public = {
        **{name: fields.get(name) for name in PUBLIC},
        **price(fields.get("pricePerMinPaise") or default_price_paise),
        "firebaseUid": firebase_uid,
        "mentorStatus": status,
        "available": False,
        "rating": 0,
        "orders": 0,
        "createdAt": now,
        "appliedAt": now,
        "updatedAt": now,
    }
    private = {**{name: fields.get(name) for name in PRIVATE}, "email": email, "appliedAt": now}
    tx.create(("experts", expert_id), public)
    tx.create(("experts", expert_id, "private", "onboarding"), private)
    return {**public, "id": expert_id, "onboardingData": private}


def update(tx: Tx, expert_id: str, fields: Doc, *, now: datetime) -> tuple[Doc, Doc]:
    """Change some fields, named as for `create`; what is left out stays. Nothing is written if nothing changes.

    Returns what changed, before and after. Raises NotFound.
    """
    public_path, private_path = ("experts", expert_id), ("experts", expert_id, "private", "onboarding")
    tx.prefetch(public_path, private_path)
    public, private = tx.get(*public_path), tx.get(*private_path) or {}
    if public is None:
        raise NotFound("there is no such mentor", code="EXPERT_NOT_FOUND")
    after = changed(public, private, without_contacts(tx, fields))
    before = {name: {**private, **public}.get(name) for name in after}
    changed_public = {name: value for name, value in after.items() if name not in PRIVATE}
    changed_private = {name: value for name, value in after.items() if name in PRIVATE}
    if changed_public:
        paise = changed_public.get("pricePerMinPaise")
        tx.update(public_path, {**changed_public, **(price(paise) if paise else {}), "updatedAt": now})
    if changed_private:
        tx.merge(private_path, changed_private)
    return before, after


def changed(public: Doc, private: Doc, fields: Doc) -> Doc:
    """Those of `fields` that differ from a profile. Absent, null and empty are the same."""
    whole = {**private, **public}
    names = [name for name in (*PUBLIC, *mentoring.FIELDS, "timeZone", "pricePerMinPaise", *PRIVATE) if name in fields]
    return {
        name: fields[name]
        for name in names
        if fields[name] != whole.get(name) and not (fields[name] in NOTHING and whole.get(name) in NOTHING)
    }


def get(tx: Tx, expert_id: str) -> Doc:
    """The whole profile in any state: with its private part, and the address from it. Raises NotFound."""
    tx.prefetch(("experts", expert_id), ("experts", expert_id, "private", "onboarding"))
    public = tx.get("experts", expert_id)
    if public is None:
        raise NotFound("there is no such mentor", code="EXPERT_NOT_FOUND")
    return whole(public, tx.get("experts", expert_id, "private", "onboarding") or {}, expert_id)


def whole(public: Doc, private: Doc, expert_id: str) -> Doc:
    """A profile and its private part as one."""
    return {
        **public,
        "id": expert_id,
        "onboardingData": private,
        "email": private.get("email"),
        "acceptsSessions": private.get("acceptsSessions", True),
    }

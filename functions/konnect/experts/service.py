"""Expert profiles: experts/{id} is public; experts/{id}/private/onboarding is the owner's and the admins'.

A self-registered expert's id is the uid, so that one person has one profile; a profile that an admin imported has an id
of its own, and expertsByUid/{uid} names it once its account is known (linking.py). Only an approved expert comes
online, and no more of them at a time than the configuration's maxConcurrentMentors.
"""

from datetime import datetime
from typing import Any

from konnect.errors import Conflict, Forbidden, NotFound
from konnect.money import rupees
from konnect.platform import PlatformConfig
from konnect.realtime import EXPERTS_ROOM
from konnect.store import Database, Doc, Query, Tx

from . import preferences
from .texts import without_contacts

ONLINE_COUNT = ("counters", "expertsOnline")
TIME_ZONE = "Asia/Kolkata"
"""Of an expert who has set no `timeZone`."""
PUBLIC = ("name", "title", "company", "experience", "specialties", "languages", "imageUrl", "bio")
PRIVATE = ("phone", "linkedinUrl", "portfolioUrl", "resumeUrl")


def register(
    tx: Tx, uid: str, email: str | None, fields: dict[str, Any], config: PlatformConfig, *, now: datetime
) -> Doc:
    """Apply to be an expert. `fields` are the profile's and the onboarding form's, price in paise.

    Raises Conflict if the user has a profile already; a rejected applicant may apply again.
    """
    expert_id = id_of(tx, uid)
    existing = tx.get("experts", expert_id)
    if existing is not None and existing["mentorStatus"] != "rejected":
        raise Conflict("you have an expert profile already", code="ALREADY_REGISTERED")
    price_paise = fields.get("pricePerMinPaise") or config.default_price_paise
    fields = without_contacts(tx, fields)
    public = {
        # A rejected one who applies again keeps what came in before, and what the form does not ask for.
        **(existing or {}),
        **{name: fields.get(name) for name in PUBLIC},
        **price(price_paise),
        "firebaseUid": uid,
        "mentorStatus": "applied",
        "available": False,
        # The sums belong to standing.py.
        **{name: (existing or {}).get(name, 0) for name in ("rating", "ratingSum", "reviewCount", "orders")},
        "createdAt": existing["createdAt"] if existing else now,
        "updatedAt": now,
    }
    tx.set(("experts", expert_id), public)
    private = {**{name: fields.get(name) for name in PRIVATE}, "email": email, "appliedAt": now}
    tx.set(("experts", expert_id, "private", "onboarding"), private)
    return {**public, "id": expert_id, "onboardingData": private}


def get(tx: Tx, expert_id: str) -> Doc:
    """The public profile. Raises NotFound for one that is not approved, too."""
    expert = tx.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] != "approved":
        raise not_found()
    return {**expert, "id": expert_id}


def not_found() -> NotFound:
    """The public's answer for a profile that is not there or not approved."""
    return NotFound("there is no such expert", code="EXPERT_NOT_FOUND")


def own(tx: Tx, uid: str) -> Doc:
    """The caller's own profile with its private part, in any state. Raises NotFound."""
    expert_id = id_of(tx, uid)
    expert = tx.get("experts", expert_id)
    if expert is None:
        raise NotFound("you have no expert profile")
    return {**expert, "id": expert_id, "onboardingData": tx.get("experts", expert_id, "private", "onboarding") or {}}


def id_of(tx: Tx, uid: str) -> str:
    """The id of a user's expert profile, whether there is one or not."""
    return str((tx.get("expertsByUid", uid) or {}).get("expertId", uid))


def online(db: Database, *, limit: int = 100) -> list[Doc]:
    """The experts online now."""
    return Query(("experts",), limit=limit).filter("available", "==", True).run(db)


def count_online(db: Database) -> int:
    """How many are online: kept by set_available."""
    return int((db.get(*ONLINE_COUNT) or {"count": 0})["count"])


def count_approved(db: Database) -> int:
    return Query(("experts",)).filter("mentorStatus", "==", "approved").count(db)


def set_available(tx: Tx, expert_id: str, available: bool, config: PlatformConfig, *, now: datetime) -> bool:
    """Bring an expert online or take one offline, and tell everybody. Returns whether that changed anything.

    Raises Forbidden for one who is not approved, and Conflict (PLATFORM_FULL) beyond the configured number.
    """
    tx.prefetch(("experts", expert_id), ONLINE_COUNT)
    expert = tx.get("experts", expert_id)
    if available:
        _check_approved(expert)
    if expert is None or expert["available"] == available:
        return False
    # Counted in the transaction that flips the switch, so the number is exact without counting documents.
    online_now = (tx.get(*ONLINE_COUNT) or {"count": 0})["count"]
    if available and online_now >= config.maxConcurrentMentors:
        raise Conflict(f"{config.maxConcurrentMentors} experts are online already", code="PLATFORM_FULL")
    tx.set(ONLINE_COUNT, {"count": online_now + (1 if available else -1)})
    tx.update(("experts", expert_id), {"available": available, "updatedAt": now})
    if available:
        tx.emit(EXPERTS_ROOM, "expert-online", public_view({**expert, "id": expert_id, "available": True}))
    else:
        tx.emit(EXPERTS_ROOM, "expert-offline", {"expertId": expert_id})
    return True


def come_online(tx: Tx, expert_id: str, config: PlatformConfig, *, now: datetime) -> bool:
    """The expert's portal is connected: online, unless the expert has switched off. Returns whether that changed
    anything. Raises as `set_available` does.
    """
    tx.prefetch(("experts", expert_id), ("experts", expert_id, "private", "onboarding"))
    if accepts_sessions(tx, expert_id):
        return set_available(tx, expert_id, True, config, now=now)
    _check_approved(tx.get("experts", expert_id))
    return False


def switch(tx: Tx, expert_id: str, on: bool, *, present: bool, config: PlatformConfig, now: datetime) -> bool:
    """The expert's own switch, which outlasts connections: who is switched off stays offline, who is switched on is
    online while `present` (the portal is connected). Returns whether that changed anything that others see.

    Raises as `set_available` does; then the switch stays as it was.
    """
    # Both read first, so that the rest of the transaction sees the switch as it is set here.
    tx.prefetch(("experts", expert_id), ("experts", expert_id, "private", "onboarding"))
    if on:
        _check_approved(tx.get("experts", expert_id))
    tx.merge(("experts", expert_id, "private", "onboarding"), {"acceptsSessions": on})
    return set_available(tx, expert_id, on and present, config, now=now)


def accepts_sessions(tx: Tx, expert_id: str) -> bool:
    """Whether the expert's switch is on, as it is until the expert turns it off."""
    return bool((tx.get("experts", expert_id, "private", "onboarding") or {}).get("acceptsSessions", True))


def _check_approved(expert: Doc | None) -> None:
    if expert is None or expert["mentorStatus"] != "approved":
        raise Forbidden("only an approved expert can come online", code="EXPERT_NOT_APPROVED")


def price(paise: int) -> Doc:
    return {"pricePerMin": rupees(paise), "pricePerMinPaise": paise}


def public_view(expert: Doc) -> dict[str, Any]:
    """What a socket shows of an expert: JSON, no times."""
    shown = ("id", *PUBLIC, "rating", "orders", "pricePerMin", "available")
    return {**{name: expert.get(name) for name in shown}, "onBreak": preferences.of(expert)["onBreak"]}

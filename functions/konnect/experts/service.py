"""Expert profiles: experts/{id} is public; experts/{id}/private/onboarding is the owner's and the admins'.

A self-registered expert's id is the uid, so that one person has one profile. Only an approved expert comes online, and
no more of them at a time than the configuration's maxConcurrentMentors.
"""

from datetime import datetime
from typing import Any

from konnect.errors import Conflict, Forbidden, NotFound
from konnect.money import rupees
from konnect.platform import PlatformConfig
from konnect.realtime import EXPERTS_ROOM
from konnect.store import Database, Doc, Page, Query, Tx, page

ONLINE_COUNT = ("counters", "expertsOnline")
PUBLIC = ("name", "title", "company", "experience", "specialties", "languages", "imageUrl", "bio")
PRIVATE = ("phone", "linkedinUrl", "portfolioUrl", "resumeUrl")
FINAL_STATES = ("approved", "rejected")


def register(
    tx: Tx, uid: str, email: str | None, fields: dict[str, Any], config: PlatformConfig, *, now: datetime
) -> Doc:
    """Apply to be an expert. `fields` are the profile's and the onboarding form's, price in paise.

    Raises Conflict if the user has a profile already; a rejected applicant may apply again.
    """
    existing = tx.get("experts", uid)
    if existing is not None and existing["mentorStatus"] != "rejected":
        raise Conflict("you have an expert profile already", code="ALREADY_REGISTERED")
    price_paise = fields.get("pricePerMinPaise") or config.default_price_paise
    public = {
        **{name: fields.get(name) for name in PUBLIC},
        **price(price_paise),
        "firebaseUid": uid,
        "mentorStatus": "applied",
        "available": False,
        "rating": existing["rating"] if existing else 0,
        "orders": existing["orders"] if existing else 0,
        "createdAt": existing["createdAt"] if existing else now,
        "updatedAt": now,
    }
    tx.set(("experts", uid), public)
    private = {**{name: fields.get(name) for name in PRIVATE}, "email": email, "appliedAt": now}
    tx.set(("experts", uid, "private", "onboarding"), private)
    return {**public, "id": uid, "onboardingData": private}


def decide(
    tx: Tx, expert_id: str, status: str, *, by: str, reason: str | None, notes: str | None, now: datetime
) -> Doc:
    """Approve or reject an application; who and when is recorded. Repeating a decision changes nothing.

    Raises NotFound, and Conflict for an application decided otherwise.
    """
    assert status in FINAL_STATES
    expert = tx.get("experts", expert_id)
    if expert is None:
        raise NotFound("there is no such application")
    if expert["mentorStatus"] == status:
        return {**expert, "id": expert_id}
    if expert["mentorStatus"] in FINAL_STATES:
        raise Conflict(f"the application is {expert['mentorStatus']} already", code="ALREADY_DECIDED")
    tx.prefetch(("experts", expert_id, "private", "onboarding"))
    changed = {"mentorStatus": status, "updatedAt": now}
    tx.update(("experts", expert_id), changed)
    tx.merge(
        ("experts", expert_id, "private", "onboarding"),
        {"adminNotes": notes, "rejectionReason": reason, "decidedBy": by, "decidedAt": now},
    )
    return {**expert, **changed, "id": expert_id}


def get(tx: Tx, expert_id: str) -> Doc:
    """The public profile. Raises NotFound for one that is not approved, too."""
    expert = tx.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] != "approved":
        raise NotFound("there is no such expert", code="EXPERT_NOT_FOUND")
    return {**expert, "id": expert_id}


def own(tx: Tx, uid: str) -> Doc:
    """The caller's own profile with its private part, in any state. Raises NotFound."""
    expert = tx.get("experts", uid)
    if expert is None:
        raise NotFound("you have no expert profile")
    return {**expert, "id": uid, "onboardingData": tx.get("experts", uid, "private", "onboarding") or {}}


def listed(db: Database, *, available: bool | None, limit: int, cursor: str | None) -> Page:
    """Approved experts, best rated first."""
    query = Query(("experts",), order=(("rating", "desc"),)).filter("mentorStatus", "==", "approved")
    if available is not None:
        query = query.filter("available", "==", available)
    return page(db, query, limit=limit, cursor=cursor)


def online(db: Database, *, limit: int = 100) -> list[Doc]:
    """The experts online now."""
    return Query(("experts",), limit=limit).filter("available", "==", True).run(db)


def set_available(tx: Tx, expert_id: str, available: bool, config: PlatformConfig, *, now: datetime) -> bool:
    """Bring an expert online or take one offline, and tell everybody. Returns whether that changed anything.

    Raises Forbidden for one who is not approved, and Conflict (PLATFORM_FULL) beyond the configured number.
    """
    tx.prefetch(("experts", expert_id), ONLINE_COUNT)
    expert = tx.get("experts", expert_id)
    if available and (expert is None or expert["mentorStatus"] != "approved"):
        raise Forbidden("only an approved expert can come online", code="EXPERT_NOT_APPROVED")
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


def price(paise: int) -> Doc:
    return {"pricePerMin": rupees(paise), "pricePerMinPaise": paise}


def public_view(expert: Doc) -> dict[str, Any]:
    """What a socket shows of an expert: JSON, no times."""
    shown = ("id", *PUBLIC, "rating", "orders", "pricePerMin", "available")
    return {name: expert.get(name) for name in shown}

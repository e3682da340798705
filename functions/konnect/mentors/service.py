"""A mentor's own profile: fields of the one profile that an expert has (konnect.experts)."""

from datetime import datetime
from typing import Any

from konnect.availability import service as availability
from konnect.contacts import masked
from konnect.errors import BadRequest, Forbidden
from konnect.experts import applications, mentoring, prices, profiles, slugs
from konnect.experts import service as experts
from konnect.money import rupees, to_paise
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Tx

PLAIN = {
    "name": "name",
    "headline": "title",
    "bio": "bio",
    "photo": "imageUrl",
    "languages": "languages",
    "timeZone": "timeZone",
    "sessionTopics": "topics",
    "linkedinUrl": "linkedinUrl",
}
"""Names on the wire, and on the profile."""
EXPERIENCE = {"currentCompany": "company", "currentRole": "currentRole", "years": "experience", "past": "pastRoles"}
REQUIRED = ("name", "headline", "expertise", "experience", "pricing", "timeZone", "slug")


def fields(given: dict[str, Any], before: Doc, config: PlatformConfig) -> Doc:
    """What was given, by its names on the wire, as the profile has it; `before` is the profile so far. Pure.

    Raises BadRequest: empty what must not be, no price (pricing), one out of bounds (pricing.30, pricing.60).
    """
    for name in REQUIRED:
        if name in given and given[name] is None:
            raise BadRequest.field(name, "must not be empty")
    experience = given.get("experience", {})
    found: Doc = {stored: given[name] for name, stored in PLAIN.items() if name in given}
    found |= {stored: experience[name] for name, stored in EXPERIENCE.items() if name in experience}
    if "expertise" in given:
        wanted = {one["name"]: one.get("proficiency") for one in given["expertise"]}
        found |= mentoring.with_expertise(before.get("specialties"), wanted)
    if "pricing" in given:
        found |= _prices(given["pricing"], before, config)
    return found


def _prices(given: dict[str, float | None], before: Doc, config: PlatformConfig) -> Doc:
    after = {str(minutes): rupees(paise) for minutes, paise in prices.of(before).items()} | given
    wanted = {int(minutes): to_paise(price) for minutes, price in after.items() if price is not None}
    if not wanted:
        raise BadRequest.field("pricing", "must have a price for 30 or for 60 minutes")
    return prices.fields(wanted, config)


def apply(
    tx: Tx,
    uid: str,
    email: str | None,
    given: dict[str, Any],
    week: Doc,
    config: PlatformConfig,
    *,
    spare: str,
    now: datetime,
) -> Doc:
    """Apply to be a mentor: the application to be an expert, with prices, a slug and a week. Returns the profile with
    its private part. `given` has a name; `week`: fields of availability; `spare`: a few random letters.

    Raises Conflict (ALREADY_REGISTERED), BadRequest.
    """
    wanted = fields(given, {}, config)
    expert_id = applications.apply(tx, uid, email, wanted, config, now=now)["id"]
    profiles.update(tx, expert_id, wanted, now=now)
    slugs.ensure(tx, expert_id, experts.own(tx, uid)["name"], spare, now=now)
    if week:
        availability.change(tx, uid, week, now=now)
    return experts.own(tx, uid)


def edit(tx: Tx, uid: str, given: dict[str, Any], config: PlatformConfig, *, now: datetime) -> Doc:
    """Change one's own profile; what is not given stays. Returns it with its private part.

    Raises NotFound, Forbidden (EXPERT_NOT_APPROVED), BadRequest, Conflict (SLUG_TAKEN, TOO_MANY_SLUGS).
    """
    expert = experts.own(tx, uid)
    if expert["mentorStatus"] != "approved":
        raise Forbidden("the application is not approved", code="EXPERT_NOT_APPROVED")
    wanted = fields(given, expert, config)
    if "slug" in given:
        words = given["slug"].replace("-", " ")
        if config.maskContacts != "nowhere" and masked(words) != words:
            raise BadRequest.field("slug", "must not be an address or a number")
        slugs.rename(tx, expert["id"], given["slug"], now=now)
    profiles.update(tx, expert["id"], wanted, now=now)
    return experts.own(tx, uid)


def find(db: Database, slug: str) -> Doc:
    """The approved mentor whose slug it is, or was, or whose id. Raises NotFound (EXPERT_NOT_FOUND)."""
    expert_id = slugs.owner(db, slug) or slug
    expert = db.get("experts", expert_id)
    if expert is None and slug != slug.lower():
        # Only now: somebody's id, which has capitals, may in small letters be the slug of another.
        expert_id = slugs.owner(db, slug.lower()) or slug
        expert = db.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] != "approved":
        raise experts.not_found()
    return {**expert, "id": expert_id}

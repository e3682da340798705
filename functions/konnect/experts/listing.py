"""listings/{expertId}: what the list of experts is served from. One document an approved expert, written by the trigger
on experts/{id} alone: the fields that a list shows, and the values it is found by (search.py,
and mentoring.py of those who can be booked).

Apart from the profile, so that neither clients nor sessions carry those values with it; a list follows a profile within
the moment that a trigger takes. `specialtyIds` is also the record of where the expert has been counted.
"""

from dataclasses import dataclass
from datetime import datetime

from konnect.store import Database, Doc, Page, Query, Tx, page, sifted

from . import mentoring, preferences, search, specialties

SHOWN = (
    "name",
    "title",
    "company",
    "experience",
    "rating",
    "reviewCount",
    "orders",
    "pricePerMin",
    "pricePerMinPaise",
    "specialties",
    "languages",
    "imageUrl",
    "bio",
    "available",
    *preferences.DEFAULTS,
    "createdAt",
)
EXAMINED_MAX = 200
"""Listings read for one page at most, where the index alone does not answer."""
BATCH_MIN = 40


@dataclass(frozen=True)
class Refreshed:
    """What a refresh found: whether the listing is another one now."""

    changed: bool


def refresh(tx: Tx, expert_id: str, *, now: datetime) -> Refreshed:
    """Bring an expert's listing, and the counts of specialties, in line with the profile as it is now. Repeats, and
    events in any order, come to the same.
    """
    tx.prefetch(("experts", expert_id), ("listings", expert_id))
    expert, before = tx.get("experts", expert_id), tx.get("listings", expert_id)
    after: Doc | None = None
    if expert is not None and expert["mentorStatus"] == "approved":
        names = expert.get("specialties") or []
        known = specialties.known(tx.db, names)
        official = specialties.official_names(names, known)
        if official != names:
            # Under a name that was changed since: the profile takes the new one (and this trigger comes again).
            tx.update(("experts", expert_id), {"specialties": official, "updatedAt": now})
        after = of_profile({**expert, "specialties": official})
    counted = (before or {}).get("specialtyIds", [])
    wanted = after["specialtyIds"] if after else []
    specialties.count(tx, expert or {}, removed=set(counted) - set(wanted), added=set(wanted) - set(counted), now=now)
    if after == before:
        return Refreshed(False)
    if after is None:
        tx.delete(("listings", expert_id))
    else:
        tx.set(("listings", expert_id), after)
    return Refreshed(True)


def of_profile(expert: Doc) -> Doc:
    """The listing of a profile. Every field that an order names is there: an index leaves out documents without it."""
    shown = {name: expert.get(name) for name in SHOWN}
    settings = preferences.of(expert)
    numbers = {name: expert.get(name) or 0 for name in ("rating", "reviewCount", "orders")}
    return {
        **shown,
        **numbers,
        **settings,
        "prefixes": search.prefixes(expert),
        "specialtyIds": search.specialty_ids(expert),
        **mentoring.listing(expert),
    }


def find(db: Database, criteria: search.Criteria, *, limit: int, cursor: str | None) -> Page:
    """One page of the experts searched for.

    Where the index answers alone, a page costs its listings. Otherwise at most EXAMINED_MAX are read for it; a page may
    then be short, or empty, and have a next one: the cursor is where the reading stopped.
    """
    plan = search.plan(criteria)
    query = Query(("listings",), plan.where, plan.order, fields=SHOWN)
    if plan.is_exact:
        return page(db, query, limit=limit, cursor=cursor)
    return sifted(
        db,
        query,
        lambda batch: [doc for doc in batch if plan.matches(doc)],
        examined_max=EXAMINED_MAX,
        batch_min=BATCH_MIN,
        limit=limit,
        cursor=cursor,
    )


def with_specialty(db: Database, specialty_id: str, *, limit: int, cursor: str | None) -> Page:
    """The listings that have a specialty, by its id."""
    where = (("specialtyIds", "array_contains", specialty_id),)
    return page(db, Query(("listings",), where, search.ORDERS["rating"], fields=SHOWN), limit=limit, cursor=cursor)

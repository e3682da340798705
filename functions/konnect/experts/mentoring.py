"""What a profile says of somebody as a mentor: fields of experts/{id}, beside those that every expert has. Pure.

{slug, currentRole, pastRoles: [{company, role, from, to}], topics, proficiency: {specialty id: level}, pricing,
pricingPaise (prices.py), repeatStudentRate, responseMins (kept by konnect.mentors)}. The headline is the profile's
`title`, the areas of expertise are specialties: whoever is found as an expert is found as a mentor, under one name.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import log10
from typing import Any, Literal, get_args

from konnect.store import Doc

from . import preferences, prices
from .search import specialty_id, words

Area = Literal["DSA", "System Design", "Frontend", "Backend", "ML/AI", "DevOps", "Mobile"]
Level = Literal["beginner", "intermediate", "advanced", "expert"]
Topic = Literal[
    "DSA Problem Solving",
    "System Design",
    "Resume Review",
    "Mock Interview",
    "Career Guidance",
    "Frontend Development",
    "Backend Development",
    "ML/AI Guidance",
]
AREAS: tuple[Area, ...] = get_args(Area)
TOPICS: tuple[Topic, ...] = get_args(Topic)
DEFAULT_TOPICS: tuple[Topic, ...] = TOPICS[:5]
"""Of a mentor who has named none: those of every booking's form."""
AREA_IDS: dict[str, Area] = {specialty_id(area): area for area in AREAS}
FIELDS = ("currentRole", "pastRoles", "topics", "proficiency", "pricing", "pricingPaise")
"""Those that a mentor writes."""
LISTED = (
    "slug",
    "currentRole",
    "topics",
    "proficiency",
    "pricing",
    "pricingPaise",
    "firebaseUid",
    "timeZone",
    "repeatStudentRate",
    "responseMins",
    "bookingsStopped",
)
"""What a list of mentors shows of them, or looks at."""
PRIOR_RATING = 3.5
PRIOR_REVIEWS = 5
"""A rating counts as if so many reviews of an average one came on top: one review makes nobody the best."""


def applied(status: str) -> Literal["pending", "approved", "rejected"]:
    """The pipeline's status as a mentor sees it."""
    return "approved" if status == "approved" else "rejected" if status == "rejected" else "pending"


def expertise(expert: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The areas among an expert's specialties, each with its proficiency if one was given."""
    levels = expert.get("proficiency") or {}
    found = dict.fromkeys(specialty_id(name) for name in expert.get("specialties") or [])
    return [{"name": AREA_IDS[one], "proficiency": levels.get(one)} for one in found if one in AREA_IDS]


def with_expertise(specialties: Iterable[str] | None, wanted: Mapping[Area, Level | None]) -> Doc:
    """The fields of a profile with these areas. Specialties beyond the areas stay."""
    others = [name for name in specialties or [] if specialty_id(name) not in AREA_IDS]
    levels = {specialty_id(area): level for area, level in wanted.items() if level is not None}
    return {"specialties": [*wanted, *others], "proficiency": levels}


def starting_price_paise(expert: Doc) -> int | None:
    """Of the shortest session that can be booked; None: none can."""
    found = prices.of(expert)
    return found[min(found)] if found else None


def shortest(expert: Doc) -> timedelta:
    """The length of that session."""
    return timedelta(minutes=min(int(minutes) for minutes in expert["pricing"]))


def listing(expert: Doc) -> Doc:
    """What the listing of a mentor has beyond an expert's. Nothing for who has no prices: every order of mentors names
    `startingPaise`, and an index leaves out what does not have it.
    """
    paise = starting_price_paise(expert)
    if paise is None:
        return {}
    return {
        **{name: expert.get(name) for name in LISTED},
        "startingPaise": paise,
        "relevance": relevance(expert),
        "mentorKeys": keys(expert),
    }


def keys(expert: Mapping[str, Any]) -> list[str]:
    """What a mentor is found by: areas, company, and each pair of them, since a query asks for one array's values."""
    areas = [specialty_id(one["name"]) for one in expertise(expert)]
    company = company_id(expert.get("company") or "")
    return [*areas, *(key("", company), *(key(area, company) for area in areas))] if company else areas


def wanted_keys(areas: Iterable[Area], company: str) -> list[str]:
    """The keys of which a mentor has one who is searched for; none: nothing was searched for."""
    ids, company = [specialty_id(area) for area in areas], company_id(company)
    if company:
        return [key(area, company) for area in ids] or [key("", company)]
    return ids


def key(area_id: str, company: str) -> str:
    return f"{area_id}@{company}"


def company_id(name: str) -> str:
    """A company however it is written: "JPMorgan  Chase" → "jpmorgan-chase"."""
    return "-".join(words(name))


def relevance(expert: Mapping[str, Any]) -> float:
    """The order in which mentors are shown to somebody who asks for nothing else: by rating, cautious with few reviews,
    by experience, and before those who take no bookings at the moment.
    """
    reviews = expert.get("reviewCount") or 0
    rating_sum = expert.get("ratingSum") or 0
    rating = (rating_sum + PRIOR_RATING * PRIOR_REVIEWS) / (reviews + PRIOR_REVIEWS)
    experience = log10(1 + (expert.get("orders") or 0)) / 2
    complete = 0.1 * sum(bool(expert.get(name)) for name in ("bio", "imageUrl", "company"))
    away = 0 if preferences.bookable(expert) else 5
    return round(rating + experience + complete - away, 3)

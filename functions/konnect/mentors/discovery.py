"""Finding mentors: from `listings`, as experts are (docs/search.md), each combination of filters by an index.

The one question that no index answers is who has an open slot on a day. It is asked of the listings that the index
gives: the mentor's rules, then the calendar of those whose rules leave the day open.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from konnect import clock
from konnect.availability import service as availability
from konnect.availability.slots import open_slots
from konnect.calendar import service as calendar
from konnect.context import Context
from konnect.experts import mentoring, preferences
from konnect.experts.listing import SHOWN
from konnect.experts.mentoring import Area
from konnect.store import Doc, Page, Query, Tx, page, sifted

Sort = Literal["relevance", "price_asc", "price_desc", "rating", "sessions"]

# Each order has the fields of both ranges, so that it needs one index; and `startingPaise`, which who can't be booked
# does not have.
ORDERS: dict[Sort, tuple[tuple[str, str], ...]] = {
    "relevance": (("relevance", "desc"), ("rating", "desc"), ("startingPaise", "asc")),
    "price_asc": (("startingPaise", "asc"), ("rating", "desc")),
    "price_desc": (("startingPaise", "desc"), ("rating", "desc")),
    "rating": (("rating", "desc"), ("startingPaise", "asc")),
    "sessions": (("orders", "desc"), ("rating", "desc"), ("startingPaise", "asc")),
}
_ALIASES: dict[Sort, tuple[str, ...]] = {
    "relevance": ("recommended", "default"),
    "price_asc": ("price", "priceasc", "pricelow", "pricelowtohigh", "lowtohigh"),
    "price_desc": ("-price", "pricedesc", "pricehigh", "pricehightolow", "hightolow"),
    "rating": ("-rating", "toprated", "ratingdesc", "highestrated"),
    "sessions": ("mostsessions", "-sessions", "popularity", "popular", "mostpopular", "sessionsdesc"),
}
_SORTS: dict[str, Sort] = {alias: sort for sort, aliases in _ALIASES.items() for alias in (sort, *aliases)}
FIELDS = (*SHOWN, *mentoring.LISTED, "startingPaise", "relevance")
EXAMINED_MAX = 100
"""Mentors whose calendar is looked at for one page, at most: about four reads each."""
BATCH_MIN = 20
BUFFER_MAX = timedelta(hours=4)


@dataclass(frozen=True)
class Criteria:
    """What is searched for; None, "" and () ask for nothing. `day` is one of the zone `tz`."""

    expertise: tuple[Area, ...] = ()
    company: str = ""
    price_min_paise: int | None = None
    price_max_paise: int | None = None
    rating: float | None = None
    day: date | None = None
    tz: str = "Asia/Kolkata"
    sort: Sort = "relevance"


def sort_of(text: str) -> Sort | None:
    """The order that a frontend's word stands for ("priceLowToHigh", "most-sessions"), or None."""
    lowered = text.strip().lower()
    plain = "".join(character for character in lowered if character.isalnum())
    return _SORTS.get(lowered) or _SORTS.get(("-" if lowered.startswith("-") else "") + plain)


def query_of(criteria: Criteria) -> Query:
    """The query of a search, but for the day. Pure."""
    query = Query(("listings",), order=ORDERS[criteria.sort], fields=FIELDS)
    keys = mentoring.wanted_keys(criteria.expertise, criteria.company)
    if keys:
        query = query.filter("mentorKeys", "array_contains_any", keys)
    if criteria.rating is not None:
        query = query.filter("rating", ">=", criteria.rating)
    if criteria.price_min_paise is not None:
        query = query.filter("startingPaise", ">=", criteria.price_min_paise)
    if criteria.price_max_paise is not None:
        query = query.filter("startingPaise", "<=", criteria.price_max_paise)
    return query


def find(
    ctx: Context, criteria: Criteria, *, limit: int, cursor: str | None, number: int | None, now: datetime
) -> Page:
    """One page of the mentors searched for, as their listings. With a day at most EXAMINED_MAX are looked at: a page
    may then be short, or empty, and have a next one; the cursor is where the looking stopped.
    """
    query = query_of(criteria)
    if criteria.day is None:
        return page(ctx.db, query, limit=limit, cursor=cursor, number=number)
    skipped = 0 if cursor is not None or number is None else (number - 1) * limit
    return _open_on(ctx, query, criteria.day, criteria.tz, skipped=skipped, limit=limit, cursor=cursor, now=now)


def _open_on(
    ctx: Context, query: Query, day: date, tz: str, *, skipped: int, limit: int, cursor: str | None, now: datetime
) -> Page:
    zone = clock.zone(tz)
    begins, ends = clock.day_begins(day, zone), clock.day_begins(day + timedelta(days=1), zone)
    left_out = 0

    def keep(batch: list[Doc]) -> list[Doc]:
        nonlocal left_out
        found = open_between(ctx, batch, begins, ends, now=now)
        kept = [doc for doc in batch if doc["id"] in found]
        leaving = min(skipped - left_out, len(kept))
        left_out += leaving
        return kept[leaving:]

    return sifted(ctx.db, query, keep, examined_max=EXAMINED_MAX, batch_min=BATCH_MIN, limit=limit, cursor=cursor)


def open_between(ctx: Context, mentors: list[Doc], begins: datetime, ends: datetime, *, now: datetime) -> set[str]:
    """The ids of those who can be booked from `begins` to before `ends`, by the rules that a booking is held to: for
    each that takes bookings one document of rules, and of those whose rules leave the time open the days of a calendar.
    """
    asked = [one for one in mentors if preferences.bookable(one) and one["firebaseUid"]]
    if not asked or ends <= now:
        return set()

    def look(tx: Tx) -> set[str]:
        # Many at once, and without locks: who only looks must not be in the way of who books.
        tx.peek(*(("availability", one["id"]) for one in asked))
        hopeful = [one for one in asked if _has_hours(tx, one, begins, ends, now)]
        uids = [one["firebaseUid"] for one in hopeful]
        tx.peek(*calendar.paths(uids, max(begins, now) - BUFFER_MAX, ends + BUFFER_MAX))
        return {
            one["id"]
            for one in hopeful
            if availability.open_times(tx, one, begins, ends, mentoring.shortest(one), now=now)
        }

    return ctx.run(look)


def _has_hours(tx: Tx, mentor: Doc, begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether a mentor whom nobody had booked would be open."""
    rules = availability.rules(mentor, tx.get("availability", mentor["id"]))
    return bool(open_slots(rules, (), begins, ends, mentoring.shortest(mentor), now))

"""The leaderboard, of all time or of the running month, and where somebody stands on it.

Who has as many points has the same rank. Ranks are counted by the index, a read a thousand who stand before.
"""

from datetime import datetime

from konnect.store import Database, Doc, Page, Query, page

from .service import COLLECTION, month_of

RECENT = 10


def leaders(db: Database, month: str | None, *, limit: int, cursor: str | None) -> Page:
    """The members with the most points, each with their "rank" and "shownPoints": of `month` ("2026-11"), or None: of
    all time. Who has none is not on it."""
    field = _field(month)
    found = page(db, _listed(month).filter(field, ">", 0), limit=limit, cursor=cursor)
    rank, before = 1, 0
    items: list[Doc] = []
    for place, state in enumerate(found.items):
        points = state[field]
        if not items and cursor:
            # A page may begin among those who have as many points.
            rank, before = _ahead(db, month, points) + 1, _ahead(db, month, points - 1)
            before -= sum(1 for one in found.items if one[field] == points)
        elif items and points < items[-1]["shownPoints"]:
            rank = before + place + 1
        items.append({**state, "rank": rank, "shownPoints": points})
    return Page(items, found.next_cursor)


def rank(db: Database, state: Doc, month: str | None) -> int | None:
    """Where somebody stands; None for who is not on the board."""
    points = state[_field(month)] if month in {None, state["month"]} else 0
    return _ahead(db, month, points) + 1 if state["listed"] and points else None


def recent(db: Database, uid: str) -> list[Doc]:
    """A user's last awards, newest first."""
    return Query(("points",), order=(("earnedAt", "desc"),), limit=RECENT).filter("uid", "==", uid).run(db)


def points_of_month(state: Doc, now: datetime) -> int:
    return int(state["monthPoints"]) if state["month"] == month_of(now) else 0


def _field(month: str | None) -> str:
    return "points" if month is None else "monthPoints"


def _listed(month: str | None) -> Query:
    query = Query((COLLECTION,), order=((_field(month), "desc"),)).filter("listed", "==", True)
    return query if month is None else query.filter("month", "==", month)


def _ahead(db: Database, month: str | None, points: int) -> int:
    """How many have more points."""
    return _listed(month).filter(_field(month), ">", points).count(db)

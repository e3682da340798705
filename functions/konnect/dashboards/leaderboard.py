"""The leaderboard, with the names that members go by."""

from konnect.gamification import board
from konnect.members import service as members
from konnect.store import Database, Page


def read(db: Database, month: str | None, *, limit: int, cursor: str | None) -> Page:
    """Members by their points, of `month` or of all time. Whoever is gone by now is left out: their state goes next."""
    found = board.leaders(db, month, limit=limit, cursor=cursor)
    named = members.read_many(db, [one["id"] for one in found.items]) if found.items else {}
    items = [
        {
            "rank": one["rank"],
            "points": one["shownPoints"],
            "level": one["level"],
            "levelName": one["levelName"],
            "badgeCount": len(one["badges"]),
            "user": {name: member[name] for name in ("id", "name", "profileImage", "role")},
        }
        for one in found.items
        if (member := named.get(one["id"])) is not None
    ]
    return Page(items, found.next_cursor)

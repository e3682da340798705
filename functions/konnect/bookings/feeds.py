"""calendarFeeds/{hash of a token}: {uid, createdAt}: whose calendar the secret address with that token is.

users/{uid}/private/calendarFeed, {feedId, createdAt}, names the one that holds. The token itself is told once, when it
is made, and is kept nowhere: who reads our database can read no calendar by it. No client reads the feeds.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from konnect import ics
from konnect.errors import NotFound
from konnect.ics import Event, Publisher
from konnect.sessions import listing
from konnect.sessions.booked import events as booked
from konnect.store import Database, Doc, Tx

from . import events, repository

COLLECTION = "calendarFeeds"
BACK = timedelta(days=90)
SHOWN = ("confirmed", "in_progress", "completed")
MOST = 500
"""Bookings, and sessions, on each side."""
NAME = "Konnect sessions"


def current(db: Database, uid: str) -> Doc | None:
    """{feedId, createdAt} of the caller's feed; None without one."""
    return db.get(*_path(uid))


def renew(tx: Tx, uid: str, token: str, *, now: datetime) -> Doc:
    """Give somebody a feed with this token; an address that they had before leads nowhere from now on."""
    stop(tx, uid)
    feed_id = id_of(token)
    feed: Doc = {"feedId": feed_id, "createdAt": now}
    tx.create((COLLECTION, feed_id), {"uid": uid, "createdAt": now})
    tx.set(_path(uid), feed)
    return feed


def stop(tx: Tx, uid: str) -> None:
    """Take the feed away, if there is one."""
    before = tx.get(*_path(uid))
    if before is not None:
        tx.delete((COLLECTION, before["feedId"]))
        tx.delete(_path(uid))


def owner(db: Database, token: str) -> str:
    """Whose feed it is. Raises NotFound, also for an account that is closed."""
    feed = db.get(COLLECTION, id_of(token))
    if feed is None or (db.get("users", feed["uid"]) or {"disabled": True})["disabled"]:
        raise NotFound("there is no such calendar")
    return str(feed["uid"])


def content(db: Database, uid: str, publisher: Publisher, *, now: datetime) -> bytes:
    """All that somebody is booked for, on both sides, from ninety days ago on: bookings, and booked sessions. What is
    cancelled, or waits for its payment, is not in it."""
    found = sorted(_events(db, uid, now - BACK), key=lambda event: (event.begins, event.id))
    return ics.feed(found, publisher, NAME)


def id_of(token: str) -> str:
    """A random token of 256 bits needs no slower hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def erase(db: Database, uid: str) -> None:
    """Of a deleted account. Can be repeated."""
    feed = current(db, uid)
    if feed is not None:
        db.delete(COLLECTION, feed["feedId"])
        db.delete(*_path(uid))


def _events(db: Database, uid: str, since: datetime) -> Iterator[Event]:
    for side in repository.SIDES:
        for booking in repository.scheduled(db, uid, side, since, limit=MOST):
            if booking["status"] in SHOWN:
                yield events.of(booking, side, changed_at=booking["updatedAt"])
    for side in ("user", "expert"):
        for session in listing.scheduled(db, uid, side, since, statuses=SHOWN, limit=MOST):
            yield booked.of(session, side, changed_at=session["updatedAt"])


def _path(uid: str) -> tuple[str, str, str, str]:
    return ("users", uid, "private", "calendarFeed")

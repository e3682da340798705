"""Mentors in any state, as admins see and change them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from konnect import audit, clock
from konnect.experts import profiles
from konnect.experts.linking import imported_id, normal_email
from konnect.experts.search import WORDS_MAX, words
from konnect.mentors import stopping
from konnect.store import Database, Doc, Page, Query, Tx, page

from . import index
from .csv_rows import PROFILE

EXPORTED_AT_ONCE = 100


def listed(
    db: Database,
    *,
    status: str | None = None,
    available: bool | None = None,
    search: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> Page:
    """Mentors with their private part, newest first. `search`: words or their beginnings, or a whole e-mail address.

    A page of a search can be short, or empty, and have a next one.
    """
    if search and "@" in search:
        return Page(_filtered(with_private(db, _of_address(db, normal_email(search))), status, available), None)
    wanted = words(search or "")[:WORDS_MAX]
    if search and not wanted:
        return Page([], None)
    if wanted:
        entries = index.find(db, wanted, status, limit=limit, cursor=cursor)
        mentors = with_private(db, _of_ids(db, [entry["id"] for entry in entries.items]))
        found = [mentor for mentor in mentors if index.matches(mentor, mentor["onboardingData"], wanted)]
        return Page(_filtered(found, status, available), entries.next_cursor)
    query = Query(("experts",), order=(("createdAt", "desc"),))
    if status is not None:
        query = query.filter("mentorStatus", "==", status)
    if available is not None:
        query = query.filter("available", "==", available)
    found_page = page(db, query, limit=limit, cursor=cursor)
    return Page(with_private(db, found_page.items), found_page.next_cursor)


def exported(db: Database, **filters: Any) -> Iterator[dict[str, Any]]:
    """All mentors of the filters of `listed`, as the columns of csv_rows."""
    cursor: str | None = None
    while True:
        found = listed(db, limit=EXPORTED_AT_ONCE, cursor=cursor, **filters)
        for mentor in found.items:
            private = mentor["onboardingData"]
            yield {
                **{name: mentor.get(name, private.get(name)) for name in PROFILE},
                "id": mentor["id"],
                "email": private.get("email"),
                "mentorStatus": mentor["mentorStatus"],
                "available": mentor["available"],
                "rating": mentor["rating"],
                "orders": mentor["orders"],
                "createdAt": clock.iso(mentor["createdAt"]),
            }
        cursor = found.next_cursor
        if cursor is None:
            return


def update(tx: Tx, expert_id: str, fields: Doc, *, by: str, now: datetime) -> Doc:
    """Change fields of a profile, with an audit entry of what they were; `bookingsStopped`, whatever its value, lifts
    a stop. Raises NotFound."""
    given = dict(fields)
    lifts = "bookingsStopped" in given
    given.pop("bookingsStopped", None)
    before, after = profiles.update(tx, expert_id, given, now=now)
    stop = stopping.lift(tx, expert_id, now=now) if lifts else None
    if stop is not None:
        before, after = {**before, "bookingsStopped": stop}, {**after, "bookingsStopped": None}
    if after:
        audit.write(
            tx, actor=by, action="mentor.update", target=f"experts/{expert_id}", before=before, after=after, now=now
        )
    return profiles.get(tx, expert_id)


def with_private(db: Database, mentors: list[Doc]) -> list[Doc]:
    """Each with its private part as `onboardingData`, and the address from it."""
    paths = [("experts", mentor["id"], "private", "onboarding") for mentor in mentors]
    private = db.get_many(paths) if paths else {}
    return [
        profiles.whole(mentor, private[path] or {}, mentor["id"]) for mentor, path in zip(mentors, paths, strict=True)
    ]


def _filtered(mentors: list[Doc], status: str | None, available: bool | None) -> list[Doc]:
    """By the profiles as they are: the index may be a moment behind."""
    return [m for m in mentors if status in {None, m["mentorStatus"]} and available in {None, m["available"]}]


def _of_address(db: Database, email: str) -> list[Doc]:
    """The profile imported for an address, and those of the accounts that have it."""
    users = Query(("users",), limit=10).filter("email", "==", email).run(db)
    links = db.get_many([("expertsByUid", user["id"]) for user in users]) if users else {}
    own = [str((links["expertsByUid", user["id"]] or {}).get("expertId", user["id"])) for user in users]
    return _of_ids(db, list(dict.fromkeys([imported_id(email), *own])))


def _of_ids(db: Database, expert_ids: list[str]) -> list[Doc]:
    """Those that are there, in the order given."""
    paths = [("experts", expert_id) for expert_id in expert_ids]
    found = db.get_many(paths) if paths else {}
    return [{**expert, "id": path[1]} for path in paths if (expert := found[path]) is not None]

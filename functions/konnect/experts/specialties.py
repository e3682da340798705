"""specialties/{id}: what experts are found under. The id is made of the name (search.specialty_id).

One comes to be by an approved expert's profile, or by an admin; what an admin named is official, and profiles take that
spelling. A renamed one stays as a signpost (`renamedTo`) for profiles that still say the old name. `count` is how many
approved experts have it: kept by the trigger on their profiles, by blind increments, so that experts don't wait for
each other.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.cloud import firestore

from konnect import audit
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.tasks import Task

from . import search

LAST = 1000
"""The place of one that no admin has put anywhere."""
SIGNPOSTS_MAX = 5
RENAME = "/experts/rename-specialty"
COLLECTION = "specialties"


def listed(db: Database, *, limit: int, cursor: str | None) -> Page:
    """Those in use and those that an admin made, in the admins' order, then by name; without retired ones."""
    query = Query((COLLECTION,), order=(("order", "asc"), ("name", "asc"))).filter("retired", "==", False)
    found = page(db, query, limit=limit, cursor=cursor)
    return Page([doc for doc in found.items if doc["count"] > 0 or doc["official"]], found.next_cursor)


def listed_for_admins(db: Database, *, limit: int, cursor: str | None) -> Page:
    """All, in the same order, retired and renamed ones too."""
    return page(db, Query((COLLECTION,), order=(("order", "asc"), ("name", "asc"))), limit=limit, cursor=cursor)


def create(tx: Tx, name: str, order: int, *, by: str, now: datetime) -> Doc:
    """A specialty by an admin, or an admin's word on one that experts brought along.

    Raises BadRequest (a name without a letter), Conflict (SPECIALTY_EXISTS).
    """
    specialty_id = _id_of(name)
    before = tx.get(COLLECTION, specialty_id)
    if before is not None and before["official"] and not before["renamedTo"]:
        raise Conflict("there is such a specialty already", code="SPECIALTY_EXISTS")
    fields = {"name": name, "order": order, "official": True, "retired": False, "renamedTo": None, "updatedAt": now}
    after = _put(tx, specialty_id, before, fields, now)
    audit.write(
        tx,
        actor=by,
        action="specialty.create",
        target=f"{COLLECTION}/{specialty_id}",
        before=_audited(before),
        after=_audited(after),
        now=now,
    )
    _rename_profiles(tx, specialty_id, now)
    return {**after, "id": specialty_id}


def change(tx: Tx, specialty_id: str, fields: dict[str, Any], *, by: str, now: datetime) -> Doc:
    """Rename ("name"), put elsewhere ("order"), retire or bring back ("retired"). A name of other letters makes another
    id; the profiles follow by a task. A repeat changes nothing.

    Raises NotFound, BadRequest, Conflict (SPECIALTY_EXISTS).
    """
    before = tx.get(COLLECTION, specialty_id)
    new_id = _id_of(fields["name"]) if "name" in fields else specialty_id
    if before is not None and before["renamedTo"] == new_id:
        # A repeat, under the old id, of what made the new one.
        return change(tx, new_id, fields, by=by, now=now)
    if before is None or before["renamedTo"]:
        raise NotFound("there is no such specialty")
    wanted = {"name": before["name"], "order": before["order"], "retired": before["retired"], **fields}
    if all(before[name] == value for name, value in wanted.items()):
        return {**before, "id": specialty_id}
    official = before["official"] or "name" in fields
    after_fields = {**wanted, "official": official, "renamedTo": None, "updatedAt": now}
    if new_id == specialty_id:
        after = _put(tx, specialty_id, before, after_fields, now)
    else:
        target = tx.get(COLLECTION, new_id)
        if target is not None and not target["renamedTo"]:
            raise Conflict("there is such a specialty already", code="SPECIALTY_EXISTS")
        after = _put(tx, new_id, target, after_fields, now)
        tx.update((COLLECTION, specialty_id), {"renamedTo": new_id, "retired": True, "updatedAt": now})
    if wanted["name"] != before["name"]:
        _rename_profiles(tx, specialty_id, now)
    audit.write(
        tx,
        actor=by,
        action="specialty.change",
        target=f"{COLLECTION}/{specialty_id}",
        before=_audited(before),
        after=_audited({**after, "id": new_id}),
        now=now,
    )
    return {**after, "id": new_id}


def known(db: Database, names: Iterable[str]) -> dict[str, Doc | None]:
    """The specialties that names stand for, with those that they were renamed to. Outside of the transaction: a lock on
    what hundreds of profiles share would stop them all; a rename comes back for profiles that it just missed.
    """
    found: dict[str, Doc | None] = {}
    wanted = {search.specialty_id(name) for name in names if search.words(name)}
    for _ in range(SIGNPOSTS_MAX):
        missing = sorted(wanted - set(found))
        if not missing:
            break
        docs = db.get_many([(COLLECTION, specialty_id) for specialty_id in missing])
        found |= {path[-1]: doc for path, doc in docs.items()}
        wanted = {doc["renamedTo"] for doc in docs.values() if doc is not None and doc["renamedTo"]}
    return found


def official_names(names: list[str], known: dict[str, Doc | None]) -> list[str]:
    """A profile's specialties as they are called now, each once."""
    result: dict[str, str] = {}
    for name in names:
        if not search.words(name):
            continue
        specialty_id = search.specialty_id(name)
        doc = known.get(specialty_id)
        for _ in range(SIGNPOSTS_MAX):
            if doc is None or not doc["renamedTo"]:
                break
            specialty_id = doc["renamedTo"]
            doc = known.get(specialty_id)
        result.setdefault(specialty_id, doc["name"] if doc is not None and doc["official"] else name)
    return list(result.values())


def count(tx: Tx, expert: Doc, *, added: set[str], removed: set[str], now: datetime) -> None:
    """Count an expert in and out. One that nobody has named yet gets the name that the profile gives it."""
    names = {search.specialty_id(name): name for name in expert.get("specialties") or [] if search.words(name)}
    there = tx.db.get_many([(COLLECTION, one) for one in sorted(added)]) if added else {}
    for specialty_id in sorted(added):
        # Absent ones are read again, under a lock: of two experts who bring the same one, one makes it.
        if there[COLLECTION, specialty_id] is None and tx.get(COLLECTION, specialty_id) is None:
            doc = {"name": names.get(specialty_id, specialty_id), "order": LAST, "official": False, "retired": False}
            tx.create((COLLECTION, specialty_id), {**doc, "renamedTo": None, "count": 1, "createdAt": now})
        else:
            tx.merge((COLLECTION, specialty_id), {"count": firestore.Increment(1)})
    for specialty_id in sorted(removed):
        tx.merge((COLLECTION, specialty_id), {"count": firestore.Increment(-1)})


def _put(tx: Tx, specialty_id: str, before: Doc | None, fields: Doc, now: datetime) -> Doc:
    if before is None:
        doc = {**fields, "count": 0, "createdAt": now}
        tx.create((COLLECTION, specialty_id), doc)
        return doc
    tx.update((COLLECTION, specialty_id), fields)
    return {**before, **fields}


def _rename_profiles(tx: Tx, specialty_id: str, now: datetime) -> None:
    key = ("rename-specialty", specialty_id, now.isoformat())
    tx.enqueue(Task(RENAME, key, {"specialtyId": specialty_id}))


def _id_of(name: str) -> str:
    if not search.words(name):
        raise BadRequest.field("name", "must have a letter or a digit")
    return search.specialty_id(name)


def _audited(doc: Doc | None) -> Doc | None:
    if doc is None:
        return None
    return {name: doc.get(name) for name in ("id", "name", "order", "retired") if name in doc}

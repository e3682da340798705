"""courseListings/{courseId}: what lists of courses are served from. One document a published course, written by the
trigger on courses/{id} alone: the fields that a list shows, and the keys that it is found by (search.py).

Apart from the course, so that neither clients nor players carry those keys with it, nor lists its lectures.
"""

from konnect import text
from konnect.store import Database, Doc, Page, Query, Tx, page, sifted

from . import repository, search

COLLECTION = "courseListings"
SHOWN = (*repository.SHOWN, "summary")
SUMMARY_LETTERS = 300
EXAMINED_MAX = 200
"""Listings read for one page at most, where the index alone does not answer."""
BATCH_MIN = 40


def refresh(tx: Tx, course_id: str) -> None:
    """Bring a course's listing in line with the course as it is now. Repeats, and events in any order, come to the
    same."""
    tx.prefetch(repository.path(course_id), (COLLECTION, course_id))
    course, before = repository.find(tx, course_id), tx.get(COLLECTION, course_id)
    if course is None or course["status"] != "published":
        if before is not None:
            tx.delete((COLLECTION, course_id))
        return
    after = of_course(course)
    if after != before:
        tx.set((COLLECTION, course_id), after)


def card(course: Doc) -> Doc:
    """A course as a list shows it."""
    return {**course, "summary": text.shortened(course["description"], SUMMARY_LETTERS)}


def of_course(course: Doc) -> Doc:
    shown = card(course)
    return {**{name: shown[name] for name in SHOWN}, "keys": search.keys(course)}


def find(
    db: Database, criteria: search.Criteria, *, limit: int, cursor: str | None = None, number: int | None = None
) -> Page:
    """One page of the courses searched for; `number`: which, where a frontend counts pages.

    Where the index answers alone, a page costs its listings. Otherwise at most EXAMINED_MAX are read for it; a page may
    then be short, or empty, and have a next one: the cursor is where the reading stopped.
    """
    plan = search.plan(criteria)
    query = Query((COLLECTION,), plan.where, plan.order, fields=(*SHOWN, *(("keys",) if plan.left else ())))
    if not plan.left:
        return page(db, query, limit=limit, cursor=cursor, number=number)
    skipped = 0 if cursor is not None or number is None else (number - 1) * limit
    left_out = 0

    def keep(batch: list[Doc]) -> list[Doc]:
        nonlocal left_out
        kept = [listing for listing in batch if plan.matches(listing)]
        leaving = min(skipped - left_out, len(kept))
        left_out += leaving
        return kept[leaving:]

    return sifted(db, query, keep, examined_max=EXAMINED_MAX, batch_min=BATCH_MIN, limit=limit, cursor=cursor)

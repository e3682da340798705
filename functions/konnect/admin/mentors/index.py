"""Finding mentors in any state: mentorIndex/{expertId}, kept by a trigger on experts/{expertId}.

The public listings have the approved ones alone, and no addresses. An entry lists the beginnings of the words of name,
title, company, specialties and e-mail address; `available` is not in it, so coming and going writes nothing here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.experts import search
from konnect.http.triggers import Change
from konnect.mentors import activity
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "mentorIndex"
PREFIX_MAX = search.PREFIX_MAX
WORDS_MAX = 120
TEXTS = ("name", "title", "company")
FIELDS = (*TEXTS, "specialties", "mentorStatus")


def on_mentor_written(ctx: Context, change: Change, now: datetime) -> None:
    """Bring the entry in line with the profile as it is now: events come in any order."""
    before, after = change.before or {}, change.after or {}
    if before.get("mentorStatus") != after.get("mentorStatus"):
        ctx.run(lambda tx: activity.approval_changed(tx, change.params["expertId"]))
    # Most changes are of availability, rating or orders.
    if all(before.get(name) == after.get(name) for name in FIELDS) and before and after:
        return
    expert_id = change.params["expertId"]
    paths = [("experts", expert_id), ("experts", expert_id, "private", "onboarding"), (COLLECTION, expert_id)]

    def work(tx: Tx) -> None:
        tx.prefetch(*paths)
        expert, private, entry = (tx.get(*path) for path in paths)
        if expert is None:
            if entry is not None:
                tx.delete((COLLECTION, expert_id))
        elif (wanted := entry_of(expert, private or {})) != entry:
            tx.set((COLLECTION, expert_id), wanted)

    ctx.run(work)


def entry_of(expert: Doc, private: Doc) -> Doc:
    return {
        "mentorStatus": expert["mentorStatus"],
        "createdAt": expert["createdAt"],
        "prefixes": sorted(beginnings(words_of(expert, private))),
    }


def words_of(expert: Doc, private: Doc) -> list[str]:
    """What a mentor is found by. Pure."""
    texts: list[Any] = [*(expert.get(name) for name in TEXTS), private.get("email"), *(expert.get("specialties") or [])]
    return list(dict.fromkeys(word for text in texts if text for word in search.words(text)))[:WORDS_MAX]


def beginnings(words: Iterable[str]) -> set[str]:
    return {word[:size] for word in words for size in range(1, min(len(word), PREFIX_MAX) + 1)}


def find(db: Database, wanted: list[str], status: str | None, *, limit: int, cursor: str | None) -> Page:
    """The ids of mentors who have a word that begins as the longest of `wanted`, newest first."""
    longest = max(wanted, key=len)
    query = Query((COLLECTION,), order=(("createdAt", "desc"),)).filter(
        "prefixes", "array_contains", longest[:PREFIX_MAX]
    )
    if status is not None:
        query = query.filter("mentorStatus", "==", status)
    return page(db, query, limit=limit, cursor=cursor)


def matches(expert: Doc, private: Doc, wanted: list[str]) -> bool:
    """Whether each of the words begins one of the mentor's."""
    words = words_of(expert, private)
    return all(any(word.startswith(one) for word in words) for one in wanted)

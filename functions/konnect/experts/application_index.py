"""applicationIndex/{expertId}: finding applications by words, kept by the trigger on experts/{expertId}.

{mentorStatus, appliedAt, prefixes}: the beginnings of the words of name, title, company and e-mail address. Apart from
the profile, which is public and must not say the address. No client reads it.
"""

from collections.abc import Sequence

from konnect.store import Database, Doc, Page, Query, Tx, page, sifted

from .search import PREFIX_MAX, words

COLLECTION = "applicationIndex"
FIELDS = ("mentorStatus", "appliedAt", "name", "title", "company")
EXAMINED_MAX = 200
"""Entries read for one page at most, where several words are searched for: the index knows one."""


def concerns(before: Doc | None, after: Doc | None) -> bool:
    """Whether a change of a profile changes its entry: most are of its availability, rating or orders."""
    return any((before or {}).get(name) != (after or {}).get(name) for name in FIELDS)


def refresh(tx: Tx, expert_id: str) -> None:
    """Bring the entry in line with the profile as it is now; events come in any order."""
    onboarding = ("experts", expert_id, "private", "onboarding")
    tx.prefetch(("experts", expert_id), onboarding, (COLLECTION, expert_id))
    expert, before = tx.get("experts", expert_id), tx.get(COLLECTION, expert_id)
    if expert is None or "appliedAt" not in expert:
        if before is not None:
            tx.delete((COLLECTION, expert_id))
        return
    texts = [expert.get("name"), expert.get("title"), expert.get("company"), (tx.get(*onboarding) or {}).get("email")]
    after: Doc = {
        "mentorStatus": expert["mentorStatus"],
        "appliedAt": expert["appliedAt"],
        "prefixes": prefixes(texts),
    }
    if after != before:
        tx.set((COLLECTION, expert_id), after)


def prefixes(texts: Sequence[str | None]) -> list[str]:
    """Pure."""
    found = {word for text in texts if text for word in words(text)}
    return sorted({word[:size] for word in found for size in range(1, min(len(word), PREFIX_MAX) + 1)})


def find(db: Database, statuses: Sequence[str], search: str, *, limit: int, cursor: str | None) -> Page:
    """Entries that have every word of `search`, newest first. A page can be short and have a next one."""
    wanted = sorted({word[:PREFIX_MAX] for word in words(search)}, key=len, reverse=True)
    query = (
        Query((COLLECTION,), order=(("appliedAt", "desc"),))
        .filter("mentorStatus", "in", list(statuses))
        .filter("prefixes", "array_contains", wanted[0])
    )
    if len(wanted) == 1:
        return page(db, query, limit=limit, cursor=cursor)
    return sifted(
        db,
        query,
        lambda batch: [entry for entry in batch if set(wanted) <= set(entry["prefixes"])],
        examined_max=EXAMINED_MAX,
        batch_min=EXAMINED_MAX,
        limit=limit,
        cursor=cursor,
    )

"""Finding users: userIndex/{uid}, kept by a trigger on users/{uid}. Firestore has no search by prefix in two fields at
once, so an entry lists the beginnings by which its user is found: of the e-mail address, of the name, and of each
further word of the name, lower case, up to MAX_PREFIX characters.
"""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "userIndex"
MAX_PREFIX = 24
MAX_WORDS = 5
SHOWN = ("email", "name", "role", "disabled", "createdAt", "updatedAt")


def on_user_written(ctx: Context, change: Change, now: datetime) -> None:
    """Bring the entry up to date with the profile as it is now: events come in any order."""
    uid = change.params["uid"]

    def work(tx: Tx) -> None:
        tx.prefetch(("users", uid), (COLLECTION, uid))
        user, entry = tx.get("users", uid), tx.get(COLLECTION, uid)
        if user is None:
            if entry is not None:
                tx.delete((COLLECTION, uid))
        elif (wanted := entry_of(user)) != entry:
            tx.set((COLLECTION, uid), wanted)

    ctx.run(work)


def entry_of(user: Doc) -> Doc:
    return {
        **{name: user.get(name) for name in SHOWN},
        "prefixes": prefixes(user.get("email"), user.get("name")),
    }


def prefixes(email: Any, name: Any) -> list[str]:
    """Every beginning that finds a user. Pure."""
    words = normal(name).split()[:MAX_WORDS]
    texts = [normal(email), *(" ".join(words[start:]) for start in range(len(words)))]
    return sorted({text[:size] for text in texts for size in range(1, min(len(text), MAX_PREFIX) + 1)})


def normal(text: Any) -> str:
    return " ".join(str(text or "").lower().split())


def search(db: Database, text: str | None, role: str | None, *, limit: int, cursor: str | None) -> Page:
    """Users by a beginning and a role, newest first. An entry may be a moment behind its profile."""
    query = Query((COLLECTION,), order=(("createdAt", "desc"),))
    if role:
        query = query.filter("role", "==", role)
    if text and normal(text):
        query = query.filter("prefixes", "array_contains", normal(text)[:MAX_PREFIX].rstrip())
    return page(db, query, limit=limit, cursor=cursor)

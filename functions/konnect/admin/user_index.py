"""Finding users: userIndex/{uid}, kept by triggers on users/{uid} and members/{uid}. Firestore has no search by prefix
in two fields at once, so an entry lists the beginnings by which its user is found: of the e-mail address, of the name,
and of each further word of the name, lower case, up to MAX_PREFIX characters.

{email, name, role, disabled, createdAt, updatedAt, status (identity.standing), memberRole (as SkillVerse names it),
prefixes}
"""

from datetime import datetime
from typing import Any, Literal

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.identity import standing
from konnect.members import service as members
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "userIndex"
MAX_PREFIX = 24
MAX_WORDS = 5
MemberRole = Literal["learner", "educator", "skillExchanger", "admin"]
SHOWN = ("email", "name", "role", "disabled", "createdAt", "updatedAt")


def on_user_written(ctx: Context, change: Change, now: datetime) -> None:
    """Bring the entry up to date with the profiles as they are now: events come in any order. `change` is of one of
    users/{uid} and members/{uid}."""
    uid = change.params["uid"]

    def work(tx: Tx) -> None:
        tx.prefetch(("users", uid), ("members", uid), (COLLECTION, uid))
        user, entry = tx.get("users", uid), tx.get(COLLECTION, uid)
        if user is None:
            if entry is not None:
                tx.delete((COLLECTION, uid))
        elif (wanted := entry_of(user, members.get(tx, uid))) != entry:
            tx.set((COLLECTION, uid), wanted)

    ctx.run(work)


def entry_of(user: Doc, member: Doc | None) -> Doc:
    return {
        **{name: user.get(name) for name in SHOWN},
        "status": standing.of(user),
        "memberRole": member_role(user, member),
        "prefixes": prefixes(user.get("email"), user.get("name")),
    }


def member_role(user: Doc, member: Doc | None) -> MemberRole:
    """As SkillVerse names it: what they chose there, or else have by another product."""
    if user.get("role") == "admin":
        return "admin"
    if member is not None:
        chosen: MemberRole = member["role"]
        return chosen
    return "educator" if user.get("role") == "expert" else "learner"


def prefixes(email: Any, name: Any) -> list[str]:
    """Every beginning that finds a user. Pure."""
    words = normal(name).split()[:MAX_WORDS]
    texts = [normal(email), *(" ".join(words[start:]) for start in range(len(words)))]
    return sorted({text[:size] for text in texts for size in range(1, min(len(text), MAX_PREFIX) + 1)})


def normal(text: Any) -> str:
    return " ".join(str(text or "").lower().split())


def search(
    db: Database,
    text: str | None,
    role: str | None = None,
    *,
    member_role: str | None = None,
    status: str | None = None,
    limit: int,
    cursor: str | None,
    number: int | None = None,
) -> Page:
    """Users by a beginning, a role and a status, newest first; from `cursor`, or page `number`. An entry may be a
    moment behind its profile."""
    query = Query((COLLECTION,), order=(("createdAt", "desc"),))
    for field, value in (("role", role), ("memberRole", member_role), ("status", status)):
        if value:
            query = query.filter(field, "==", value)
    if text and normal(text):
        query = query.filter("prefixes", "array_contains", normal(text)[:MAX_PREFIX].rstrip())
    return page(db, query, limit=limit, cursor=cursor, number=number)

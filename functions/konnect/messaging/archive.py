"""archives/{uid}: {conversations: {id: updatedAt}}, what a user has put away, readable by the user alone.

A conversation is away while it is as it was then: the next message has a later time, and brings it back without a write
of its own.
"""

from datetime import datetime

from konnect.context import Context
from konnect.realtime import user_room
from konnect.store import Database, Doc, Page, Tx

from . import conversations
from .membership import Membership

MAX_KEPT = 1_000
"""Beyond it, the one that was silent for the longest time comes back."""
ROUNDS = 10

Archive = dict[str, datetime]


def of_user(db: Database, uid: str) -> Archive:
    return dict((db.get("archives", uid) or {}).get("conversations", {}))


def holds(archive: Archive, conversation: Doc) -> bool:
    put_away: datetime | None = archive.get(conversation["id"])
    return put_away is not None and conversation["updatedAt"] <= put_away


def change(ctx: Context, of: Membership, uid: str, *, archived: bool) -> Doc:
    """Put a conversation away, or bring it back; the user's devices are told (`chat-updated`). Returns it.

    Raises Forbidden (NOT_A_PARTICIPANT), NotFound (CONVERSATION_NOT_FOUND).
    """
    of.check_participant(uid)

    def work(tx: Tx) -> Doc:
        found = conversations.get(tx, of)
        archive: Archive = dict((tx.get("archives", uid) or {}).get("conversations", {}))
        if holds(archive, found) == archived:
            return found
        archive.pop(of.chat_id, None)
        if archived:
            archive[of.chat_id] = found["updatedAt"]
        newest = sorted(archive.items(), key=lambda one: one[1])[-MAX_KEPT:]
        tx.set(("archives", uid), {"conversations": dict(newest)})
        tx.emit(user_room(uid), "chat-updated", {"chatId": of.chat_id, "archived": archived})
        return found

    return ctx.run(work)


def listed(db: Database, uid: str, archive: Archive, *, archived: bool, limit: int, cursor: str | None) -> Page:
    """As conversations.listed, those that are put away or those that are not. A page may have fewer than `limit` before
    the end: it looks at no more than ROUNDS times as many."""
    items: list[Doc] = []
    for _ in range(ROUNDS):
        # No more than there is room for, so that the cursor is the last one's that was looked at.
        found = conversations.listed(db, uid, limit=limit - len(items), cursor=cursor)
        items += [one for one in found.items if holds(archive, one) == archived]
        cursor = found.next_cursor
        if cursor is None or len(items) == limit:
            break
    return Page(items, cursor)

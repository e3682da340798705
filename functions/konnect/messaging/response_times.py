"""How long students wait for a mentor's first answer: counted once a conversation (mentors/stats.py)."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.mentors import stats
from konnect.store import Database, Doc, Query

OLDEST_FIRST = (("createdAt", "asc"),)


def on_message_created(ctx: Context, change: Change, now: datetime) -> None:
    """Created, conversations/{chatId}/messages/{messageId}. What counts is read from the messages, so that it does not
    matter in which order the events come; a message of the student's costs one read, one of the mentor's two.
    """
    chat_id = change.params["chatId"]
    conversation = ctx.db.get("conversations", chat_id)
    if change.after is None or conversation is None or conversation.get("type") != "mentor":
        return
    student, mentor = conversation["participants"]
    expert_id = conversation["expertId"]
    if change.after["senderId"] != mentor or stats.has_replied(ctx.db, expert_id, chat_id):
        return
    asked = _first(ctx.db, chat_id, student, None)
    answered = _first(ctx.db, chat_id, mentor, asked["createdAt"]) if asked is not None else None
    if asked is None or answered is None:
        return
    seconds = (answered["createdAt"] - asked["createdAt"]).total_seconds()
    ctx.run(lambda tx: stats.replied(tx, expert_id, chat_id, seconds, now=now))


def _first(db: Database, chat_id: str, sender: str, after: datetime | None) -> Doc | None:
    query = Query(("conversations", chat_id, "messages"), order=OLDEST_FIRST, limit=1).filter("senderId", "==", sender)
    if after is not None:
        query = query.filter("createdAt", ">", after)
    return next(iter(query.run(db)), None)

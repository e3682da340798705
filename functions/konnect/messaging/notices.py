"""Telling people of messages that they have not read: in the app after half a minute, by mail as a digest.

Two scheduled jobs look at the conversations whose last message has come to that age since they last looked
(noticeRuns/{job}: {until}); a live chat, which is read at once, sets off nothing. A trigger on conversations would be
called for each message instead.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from konnect.context import Context
from konnect.ledger import accounts
from konnect.notifications import service as notifications
from konnect.store import Doc, Query, Tx

NOTICE_AFTER_S = 30.0
DIGEST_AFTER_S = 30 * 60.0
FURTHEST_BACK = timedelta(days=1)
"""After an outage of the jobs; what is older was told in the list of chats alone."""
SHOWN_MAX = 20
NAMES_MAX = 3


def tell(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Notify of unread messages, once for all that come until they are read. Returns {"told": how many readers}."""

    def work(conversations: Iterator[Doc]) -> int:
        return sum(_tell(ctx, one, uid, now) for one in conversations for uid in unread_by(one))

    return {"told": _since(ctx, "messages", ctx.settings.seconds(NOTICE_AFTER_S), now, work)}


def digest(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Notify, by mail, each reader of all conversations with unread messages, once a last message. Returns {"told": how
    many readers}."""

    def work(conversations: Iterator[Doc]) -> int:
        by_reader: dict[str, list[Doc]] = {}
        for conversation in conversations:
            for uid in unread_by(conversation):
                by_reader.setdefault(uid, []).append(conversation)
        return sum(_digest(ctx, uid, unread, now) for uid, unread in by_reader.items())

    return {"told": _since(ctx, "digest", ctx.settings.seconds(DIGEST_AFTER_S), now, work)}


def unread_by(conversation: Doc) -> list[str]:
    """Who has not read what the other side said last. Who has answered since has seen it."""
    if conversation["lastMessage"] is None:
        return []
    sender = conversation["lastMessage"]["senderId"]
    return [uid for uid, count in conversation["unread"].items() if count > 0 and uid != sender]


def _since(ctx: Context, job: str, age_s: float, now: datetime, work: Callable[[Iterator[Doc]], int]) -> int:
    """Do `work` with the conversations that have come to `age_s` since the last run. What fails is done again: the
    place is moved on at the end, and the work itself repeats nothing."""
    path = ("noticeRuns", job)
    until = now - timedelta(seconds=age_s)
    begin = max((ctx.db.get(*path) or {}).get("until", until - FURTHEST_BACK), until - FURTHEST_BACK)
    query = Query(("conversations",), order=(("updatedAt", "asc"),))
    query = query.filter("shard", "in", list(range(accounts.SHARDS)))
    query = query.filter("updatedAt", ">=", begin).filter("updatedAt", "<", until)
    done = work(query.stream(ctx.db))
    ctx.db.set(path, {"until": until})
    return done


def _tell(ctx: Context, conversation: Doc, uid: str, now: datetime) -> int:
    last = conversation["lastMessage"]
    name = conversation["names"].get(last["senderId"], "")
    # The mark does not move until something is read: what comes until then is of one notification.
    mark = conversation.get("readUpTo", {}).get(uid, {}).get("messageId", "")

    def write(tx: Tx) -> int:
        notifications.notify(
            tx,
            uid,
            "new_message",
            about=(conversation["id"], mark),
            title=f"{name} wrote to you",
            body=last["preview"],
            data={"conversationId": conversation["id"], "chatId": conversation["id"], "with": name},
            now=now,
        )
        return len(tx.writes)

    return min(1, ctx.run(write))


def _digest(ctx: Context, uid: str, conversations: list[Doc], now: datetime) -> int:
    """digests/{uid}: {last: {conversation: the last message told of}}, so that a run that is repeated, over however
    many conversations, tells of none again."""
    known = {one["id"]: one["lastMessage"]["id"] for one in conversations}

    def write(tx: Tx) -> int:
        told = (tx.get("digests", uid) or {}).get("last", {})
        fresh = [one for one in conversations if told.get(one["id"]) != one["lastMessage"]["id"]]
        if not fresh:
            return 0
        count = sum(one["unread"][uid] for one in fresh)
        notifications.notify(
            tx,
            uid,
            "message_digest",
            about=tuple(sorted(f"{one['id']}:{one['lastMessage']['id']}" for one in fresh)),
            title=f"You have {count} unread message{'s' if count > 1 else ''}",
            body=f"From {_names([_sender(one) for one in fresh])}.",
            data={"count": count, "conversations": [_shown(one, uid) for one in fresh[:SHOWN_MAX]]},
            now=now,
        )
        tx.set(("digests", uid), {"last": known, "updatedAt": now})
        return 1

    return ctx.run(write)


def _shown(conversation: Doc, uid: str) -> dict[str, Any]:
    return {
        "conversationId": conversation["id"],
        "with": _sender(conversation),
        "count": conversation["unread"][uid],
        "lastMessage": conversation["lastMessage"]["preview"],
    }


def _sender(conversation: Doc) -> str:
    return str(conversation["names"].get(conversation["lastMessage"]["senderId"], ""))


def _names(names: list[str]) -> str:
    several = list(dict.fromkeys(names))
    if len(several) > NAMES_MAX:
        return f"{', '.join(several[:NAMES_MAX])} and others"
    return " and ".join([", ".join(several[:-1]), several[-1]] if len(several) > 1 else several)

"""notifications/{id}: what a user is told, written in the transaction of what it tells of.

{userId, type, title, body, data, channels, read, createdAt}. Clients listen to their own; a trigger on the document
mails it (mail.py). The id is a digest of what the notification is about, so that nothing is told twice.
"""

from datetime import datetime
from typing import Any

from konnect import ids
from konnect.store import Database, Doc, Page, Query, Tx, page

from . import mail

MAX_BODY = 2_000


def notify(
    tx: Tx,
    user_id: str,
    type: str,
    *,
    about: tuple[Any, ...],
    title: str,
    body: str,
    now: datetime,
    data: dict[str, Any] | None = None,
    by_mail: bool = True,
    mail_to: str | None = None,
) -> str:
    """Tell `user_id` something once: a repeat with the same `type` and `about` writes nothing. Returns the id.

    `title` is the mail's subject too; `body` is a sentence or two of plain text; `data` is for programs and for the
    mail's template (times as ISO 8601). The mail goes to the user's address, or to `mail_to`: for one who is about to
    have another address, or none.
    """
    notification_id = ids.digest("notification", user_id, type, *about)
    if tx.get("notifications", notification_id) is not None:
        return notification_id
    doc: Doc = {
        "userId": user_id,
        "type": type,
        "title": title,
        "body": body[:MAX_BODY],
        "data": data or {},
        "channels": ["mail"] if by_mail else [],
        "read": False,
        "createdAt": now,
    }
    tx.create(("notifications", notification_id), doc)
    if by_mail and mail_to is not None:
        mail.address(tx, notification_id, mail_to, now=now)
    return notification_id


def of_user(db: Database, uid: str, *, limit: int, cursor: str | None = None) -> Page:
    """A user's notifications, newest first."""
    query = Query(("notifications",), order=(("createdAt", "desc"),)).filter("userId", "==", uid)
    return page(db, query, limit=limit, cursor=cursor)


def erase(db: Database, uid: str) -> int:
    """Delete all notifications of a user; returns how many."""
    erased = 0
    while found := of_user(db, uid, limit=100).items:
        for notification in found:
            db.delete("notifications", notification["id"])
        erased += len(found)
    return erased

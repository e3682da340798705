"""notifications/{id}: what a user is told, written in the transaction of what it tells of.

{userId, type, title, message, data, actionUrl, channels, inApp, isRead, readAt, createdAt}, and `invitation` where
the mail is one (ics.Event). Clients listen to their own; the transaction tells their sockets (/notifications), a
trigger on the document mails and pushes it (mail.py, push.py). The id is a digest of what the notification is about, so
that nothing is told twice. `channels` are those it may go out by, `inApp` is false for one that its user does not want
to see: it is in no list and no count.
"""

import logging
from datetime import datetime
from typing import Any

from konnect import clock, ids
from konnect.context import Context
from konnect.errors import NotFound
from konnect.ics import Event
from konnect.realtime import user_room
from konnect.store import Database, Doc, Emit, Page, Query, Tx, page

from . import devices, mail, preferences, types
from .types import Type

log = logging.getLogger(__name__)

NAMESPACE = "/notifications"
MAX_MESSAGE = 2_000
MARKED_AT_ONCE = 200


def notify(
    tx: Tx,
    user_id: str,
    type: Type,
    *,
    about: tuple[Any, ...],
    title: str,
    body: str,
    now: datetime,
    data: dict[str, Any] | None = None,
    by_mail: bool = True,
    mail_to: str | None = None,
    action_url: str | None = None,
    invitation: Event | None = None,
) -> str:
    """Tell `user_id` something once: a repeat with the same `type` and `about` writes nothing. Returns the id.

    `title` is the mail's subject too; `body` is a sentence or two of plain text; `data` is for programs, for the mail's
    template and for the link: times as ISO 8601, amounts in rupees, `with` the name of the other side, `side` ("user"
    or "expert") where both are told. Without `by_mail` no mail goes out, whatever the preferences. The mail goes to the
    user's address, or to `mail_to`: for one who is about to have another address, or none. `action_url` is a path of
    the frontend, by default the type's. With `invitation` the mail puts that time into the reader's calendar, or takes
    it out.
    """
    if type not in types.KINDS:
        log.error("notification of an undeclared type", extra={"type": type})
    (_, notification_id), _ = found = paths(user_id, type, about)
    tx.prefetch(*found)
    if tx.get("notifications", notification_id) is not None:
        return notification_id
    data = data or {}
    possible = types.of(type).possible
    wanted = preferences.Preferences.of(tx.get(*preferences.path(user_id)))
    doc: Doc = {
        "userId": user_id,
        "type": type,
        "title": title,
        "message": body[:MAX_MESSAGE],
        "data": data,
        "actionUrl": action_url or types.action_url(type, data),
        "channels": [one for one in ("email", "push") if one in possible and (by_mail or one != "email")],
        "inApp": wanted.wants(type, "inApp"),
        "isRead": False,
        "readAt": None,
        "createdAt": now,
        **({"invitation": invitation.doc} if invitation is not None else {}),
    }
    tx.create(("notifications", notification_id), doc)
    if doc["inApp"]:
        # Here, and not in the trigger: sooner, and once.
        told = {"eventId": notification_id, "notification": view({**doc, "id": notification_id})}
        tx.emit(user_room(user_id), "new_notification", told, namespace=NAMESPACE)
    if by_mail and mail_to is not None:
        mail.address(tx, notification_id, mail_to, now=now)
    return notification_id


def paths(user_id: str, type: Type, about: tuple[Any, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `notify` reads, for who wants it read before: the notification itself, and its user's preferences."""
    return ("notifications", ids.digest("notification", user_id, type, *about)), preferences.path(user_id)


def view(notification: Doc) -> dict[str, Any]:
    """A notification on the wire: JSON, by its document with its id."""
    read_at = notification["readAt"]
    return {
        **{name: notification[name] for name in ("id", "type", "title", "message", "data", "isRead", "actionUrl")},
        "readAt": clock.iso(read_at) if read_at else None,
        "createdAt": clock.iso(notification["createdAt"]),
    }


def of_user(
    db: Database,
    uid: str,
    *,
    limit: int,
    cursor: str | None = None,
    number: int | None = None,
    unread: bool | None = None,
) -> Page:
    """A user's notifications, newest first: from `cursor`, or page `number`; `unread` False: those that are read."""
    query = Query(("notifications",), order=(("createdAt", "desc"),)).filter("userId", "==", uid)
    query = query.filter("inApp", "==", True)
    if unread is not None:
        query = query.filter("isRead", "==", not unread)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def unread_count(db: Database, uid: str) -> int:
    """How many are unread. Counted by the index: exact, and one read up to a thousand; a counter of our own would cost
    as much to read, and a write with each notification and each mark."""
    return _unread(uid).count(db)


def mark_read(ctx: Context, notification_id: str, uid: str, *, now: datetime) -> Doc:
    """Mark one as read, and tell its user's other devices. A repeat changes nothing. Raises NotFound, also for another
    user's."""

    def mark(tx: Tx) -> Doc:
        found = tx.get("notifications", notification_id)
        if found is None or found["userId"] != uid:
            raise NotFound("there is no such notification")
        if not found["isRead"]:
            changed = {"isRead": True, "readAt": now}
            tx.update(("notifications", notification_id), changed)
            found = {**found, **changed}
        return {**found, "id": notification_id}

    marked = ctx.run(mark)
    tell_count(ctx, uid)
    return marked


def mark_all_read(ctx: Context, uid: str, *, now: datetime) -> int:
    """Mark as read what is unread; returns how many."""

    def mark(tx: Tx) -> int:
        found = tx.query(_unread(uid, limit=MARKED_AT_ONCE))
        for one in found:
            tx.update(("notifications", one["id"]), {"isRead": True, "readAt": now})
        return len(found)

    marked = last = ctx.run(mark)
    while last == MARKED_AT_ONCE:
        last = ctx.run(mark)
        marked += last
    tell_count(ctx, uid)
    return marked


def tell_count(ctx: Context, uid: str) -> int:
    """Tell all of a user's sockets how many are unread; returns it."""
    count = unread_count(ctx.db, uid)
    ctx.emit([Emit(user_room(uid), "unread_count", {"count": count}, NAMESPACE)])
    return count


def stop_pushing(tx: Tx, uid: str) -> None:
    """Push to none of a user's devices any more, until they are registered again."""
    devices.remove_all(tx, uid)


def erase(db: Database, uid: str) -> int:
    """Delete all notifications, devices and preferences of a user; returns how many notifications."""
    devices.erase(db, uid)
    db.delete(*preferences.path(uid))
    erased = 0
    while found := Query(("notifications",), limit=MARKED_AT_ONCE).filter("userId", "==", uid).run(db):
        for notification in found:
            db.delete("notifications", notification["id"])
        erased += len(found)
    return erased


def _unread(uid: str, *, limit: int | None = None) -> Query:
    query = Query(("notifications",), limit=limit).filter("userId", "==", uid)
    return query.filter("inApp", "==", True).filter("isRead", "==", False)

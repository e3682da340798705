"""Namespace "/notifications": the bell."""

from konnect.http.asyncapi import Event
from konnect.notifications.schemas import Marked, Notification
from konnect.notifications.service import NAMESPACE

from .base import Hint, Id, Payload, client, server


class NotificationRead(Payload):
    notification_id: Id


class Unread(Hint):
    count: int


class NewNotification(Hint):
    """`eventId` is the notification's id."""

    notification: Notification


EVENTS: list[Event] = [
    client("mark_read", NotificationRead, Notification, "Mark a notification as read", NAMESPACE),
    client("mark_all_read", None, Marked, "Mark all notifications as read", NAMESPACE),
    server("unread_count", Unread, "How many are unread: on connection, and when some were read", NAMESPACE),
    server("new_notification", NewNotification, "A notification was created", NAMESPACE),
]

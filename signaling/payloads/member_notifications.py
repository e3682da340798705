"""Namespace "/": SkillVerse's bell."""

from pydantic import Field

from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.notifications.schemas import Notification

from .base import GivenId, Hint, client, server


class SubscribeNotifications(GivenId):
    """The caller's own user id, by itself: another's is FOREIGN_USER."""


class Subscribed(Schema):
    count: int = Field(description="How many are unread.")


class MemberNotification(Notification, Hint):
    """`eventId` is the notification's id, `link` its `actionUrl`."""

    link: str | None


EVENTS: list[Event] = [
    client(
        "subscribe_notifications", SubscribeNotifications, Subscribed, "Be told of one's notifications on this socket"
    ),
    server("new_notification", MemberNotification, "A notification was created: to who has subscribed"),
]

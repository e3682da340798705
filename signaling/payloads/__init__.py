"""What the events carry, on the wire's names, a module a namespace, and the list that the AsyncAPI document is made of.

`userId` and `senderId`, which today's clients send, are ignored: a caller is who the token says.
"""

from konnect.http.asyncapi import Event

from . import chat, consults, konnect, live, member_notifications, notifications, rooms

EVENTS: list[Event] = [
    *konnect.EVENTS,
    *consults.EVENTS,
    *live.EVENTS,
    *member_notifications.EVENTS,
    *rooms.EVENTS,
    *chat.EVENTS,
    *notifications.EVENTS,
]

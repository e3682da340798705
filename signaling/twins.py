"""What is emitted once and told in two namespaces, by the names of each; an instance makes the other of the one. Pure.

What happens to conversations is emitted by the names of "/", and told in "/chat" too; a notification by those of
"/notifications", and told in "/" to the sockets that have subscribed to it.
"""

from collections.abc import Callable, Iterator
from typing import Any

Data = dict[str, Any]
Told = tuple[str, Data]


def in_chat(event: str, data: Any) -> list[Told]:
    """The events of "/chat" that an event of "/" is there; none, for most."""
    twin = _TWINS.get(event)
    return [] if twin is None else list(twin(data))


def member_room(room: str) -> str:
    """In "/": of a user's room those who have subscribed to notifications."""
    return f"notified:{room}"


def for_members(event: str, data: Any) -> list[Told]:
    """The events of "/" that an event of "/notifications" is there."""
    if event != "new_notification":
        return []
    told = data["notification"]
    return [(event, {"eventId": data["eventId"], **told, "link": told["actionUrl"]})]


def message(data: Data) -> Data:
    """A message by the names of both namespaces."""
    return {
        **{name: value for name, value in data.items() if name not in {"eventId", "unread"}},
        "conversationId": data["chatId"],
        "content": data["message"],
        "createdAt": data["timestamp"],
    }


def _new(data: Data) -> Iterator[Told]:
    yield "new_message", {"eventId": data["eventId"], "message": message(data)}
    if "unread" in data:
        # An id of its own: what has come to a room by one id does not come again.
        counted = {"eventId": f"{data['eventId']}.unread", "conversationId": data["chatId"], "count": data["unread"]}
        yield "unread_count", counted


def _updated(data: Data) -> Iterator[Told]:
    yield "message_updated", {"eventId": data["eventId"], "message": message(data["message"])}


def _typing(data: Data) -> Iterator[Told]:
    name = "user_typing" if data["isTyping"] else "user_stopped_typing"
    yield name, {"eventId": data["eventId"], "userId": data["userId"], "conversationId": data["chatId"]}


def _read(data: Data) -> Iterator[Told]:
    yield "message_read", _renamed(data)


def _chat(data: Data) -> Iterator[Told]:
    yield "conversation_updated", _renamed(data)


def _renamed(data: Data) -> Data:
    return {"conversationId" if name == "chatId" else name: value for name, value in data.items()}


_TWINS: dict[str, Callable[[Data], Iterator[Told]]] = {
    "new-message": _new,
    "message-updated": _updated,
    "chat-typing": _typing,
    "chat-read": _read,
    "chat-updated": _chat,
}

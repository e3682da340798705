"""What FCM checks of a message before it takes it. Pure."""

import json
from typing import Any

MAX_BYTES = 4_096
TARGETS = ("token", "topic", "condition")
FIELDS = {"name", "data", "notification", "android", "webpush", "apns", "fcm_options", *TARGETS}
RESERVED = ("from", "notification", "message_type")


class InvalidMessage(ValueError):
    """`field` is the path that is wrong: "message.data"."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field
        self.description = description


def check(body: Any) -> dict[str, Any]:
    """The message of a request {"message", "validate_only"?}. Raises InvalidMessage."""
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict):
        raise InvalidMessage("message", "Request must contain a message.")
    for name in sorted(set(body) - {"message", "validate_only"}):
        raise InvalidMessage(name, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    for name in sorted(set(message) - FIELDS):
        raise InvalidMessage(
            "message", f"Invalid JSON payload received. Unknown name \"{name}\" at 'message': Cannot find field."
        )
    if sum(1 for target in TARGETS if message.get(target)) != 1:
        raise InvalidMessage("message", "Recipient of the message is not set.")
    for name, value in message.get("data", {}).items():
        if not isinstance(value, str):
            raise InvalidMessage("message.data", f"Invalid value at 'message.data[0].value' (TYPE_STRING), {value}")
        if name in RESERVED or name.startswith(("google", "gcm")):
            raise InvalidMessage("message.data", f"Invalid data payload key: {name}")
    link = message.get("webpush", {}).get("fcm_options", {}).get("link")
    if link is not None and not link.startswith("https://"):
        raise InvalidMessage("message.webpush.fcm_options.link", "The link must be an HTTPS URL.")
    payload = {name: message[name] for name in ("data", "notification") if name in message}
    if len(json.dumps(payload, ensure_ascii=False).encode()) > MAX_BYTES:
        raise InvalidMessage("message", "Message is too big.")
    return message

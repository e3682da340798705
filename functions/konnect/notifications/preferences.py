"""What a user wants to be told by which channel: users/{uid}/private/notifications, which the owner may listen to.

{channels: {type: {channel: on or off}}, updatedAt} holds what differs from the types' defaults. Asked when something is
to be sent, so that a change counts at once.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from konnect.errors import BadRequest
from konnect.store import Database, Doc, Tx

from . import types
from .types import CHANNELS, KINDS, Channel

Choices = dict[str, dict[str, bool]]


def path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "private", "notifications")


@dataclass(frozen=True)
class Preferences:
    choices: Choices = field(default_factory=dict)

    @classmethod
    def of(cls, doc: Doc | None) -> "Preferences":
        return cls((doc or {}).get("channels", {}))

    def wants(self, type: str, channel: Channel) -> bool:
        kind = types.of(type)
        if channel in kind.locked or channel not in kind.possible:
            return channel in kind.locked
        return self.choices.get(type, {}).get(channel, channel in kind.by_default)

    def view(self) -> list[dict[str, Any]]:
        """[{type, label, inApp, email, push, locked, unavailable}], all declared types in their order."""
        return [
            {
                "type": type,
                "label": kind.label,
                **{channel: self.wants(type, channel) for channel in CHANNELS},
                "locked": [channel for channel in CHANNELS if channel in kind.locked],
                "unavailable": [channel for channel in CHANNELS if channel not in kind.possible],
            }
            for type, kind in KINDS.items()
        ]


def read(db: Database, uid: str) -> Preferences:
    return Preferences.of(db.get(*path(uid)))


def change(tx: Tx, uid: str, wanted: list[tuple[str, dict[Channel, bool]]], *, now: datetime) -> Preferences:
    """Set channels of types; what is not named stays. Raises BadRequest, which names the item, for an unknown type, a
    channel that can't be switched off or that the type does not have."""
    choices: Choices = {type: dict(chosen) for type, chosen in Preferences.of(tx.get(*path(uid))).choices.items()}
    for index, (type, chosen) in enumerate(wanted):
        kind = KINDS.get(type)
        if kind is None:
            raise BadRequest.field(f"items.{index}.type", "is not a type of notification")
        for channel, on in chosen.items():
            if on and channel not in kind.possible:
                raise BadRequest.field(f"items.{index}.{channel}", f"{type} does not go by this channel")
            if not on and channel in kind.locked:
                raise BadRequest.field(f"items.{index}.{channel}", f"{type} can't be switched off")
            if channel in kind.possible and channel not in kind.locked:
                choices.setdefault(type, {})[channel] = on
    tx.set(path(uid), {"channels": choices, "updatedAt": now})
    return Preferences(choices)

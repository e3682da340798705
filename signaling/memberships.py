"""Who takes part in a chat, remembered for a few seconds, since every message and every signal of a call asks."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from konnect.messaging.membership import Membership

TTL_S = 5.0
SIZE_MAX = 10_000
ENDS = {"chat-ended": "chatId", "session_end": "consultId"}
"""The events that say that a chat is over, and where they name it."""


class Memberships:
    """A cache over `load(chat_id)`. It watches the events that pass: a chat that has ended is active never again."""

    def __init__(self, load: Callable[[str], Awaitable[Membership]]) -> None:
        self._load = load
        self._known: dict[str, tuple[float, Membership]] = {}
        self._ended: dict[str, None] = {}

    async def get(self, chat_id: str) -> Membership:
        """Raises NotFound (SESSION_NOT_FOUND)."""
        known = self._known.get(chat_id)
        if known is not None and time.monotonic() - known[0] < TTL_S:
            return known[1]
        membership = await self._load(chat_id)
        if chat_id in self._ended:
            # The end passed by while an older state was being read.
            membership = replace(membership, active=False)
        put_bounded(self._known, chat_id, (time.monotonic(), membership))
        return membership

    async def fresh(self, chat_id: str) -> Membership:
        """As `get`, whatever is remembered."""
        self._known.pop(chat_id, None)
        return await self.get(chat_id)

    def observe(self, event: str, data: Any) -> None:
        if event == "chat-started" and isinstance(data, dict):
            # A request that was accepted has been known as not active.
            self._known.pop(data.get("chatId", ""), None)
        if event == "exchange_updated" and isinstance(data, dict):
            # It may have been left.
            self._known.pop(data.get("exchangeId", ""), None)
        if event in ENDS and isinstance(data, dict) and ENDS[event] in data:
            chat_id = data[ENDS[event]]
            self._known.pop(chat_id, None)
            put_bounded(self._ended, chat_id, None)


def put_bounded(cache: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; beyond SIZE_MAX the one set longest ago goes."""
    cache.pop(key, None)
    if len(cache) >= SIZE_MAX:
        # Insertion order: the first is the oldest.
        del cache[next(iter(cache))]
    cache[key] = value

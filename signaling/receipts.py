"""Read marks on their way to the documents: the first at once, and then one write a second a reader and chat, for all
that has come meanwhile, since a client marks every message that scrolls by."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.errors import KonnectError
from konnect.messaging import service as messaging
from konnect.messaging.conversations import Receipt
from konnect.messaging.membership import Membership

log = logging.getLogger(__name__)

INTERVAL_S = 1.0


@dataclass
class _Later:
    of: Membership
    message_ids: set[str | None] = field(default_factory=set)


class Receipts:
    """Used on one event loop."""

    def __init__(self, ctx: Context, call: Callable[..., Awaitable[Any]]) -> None:
        self._ctx = ctx
        self._call = call
        self._later: dict[tuple[str, str], _Later] = {}
        self._workers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    async def mark(self, of: Membership, uid: str, message_id: str | None) -> Receipt | None:
        """The reader's mark as it is stored; None: soon, with others. The connection's next event waits for this one's
        answer, so that must not take a second. Raises what messaging.read does."""
        of.check_participant(uid)
        key = of.chat_id, uid
        if key in self._workers:
            self._later.setdefault(key, _Later(of)).message_ids.add(message_id)
            return None
        self._workers[key] = asyncio.get_running_loop().create_task(self._follow(key))
        return await self._write(of, uid, {message_id})

    async def close(self, timeout_s: float) -> None:
        """Write what waits, now."""
        self._closing.set()
        if self._workers:
            await asyncio.wait(list(self._workers.values()), timeout=timeout_s)

    async def _follow(self, key: tuple[str, str]) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), INTERVAL_S)
                later = self._later.pop(key, None)
                if later is None:
                    return
                try:
                    await self._write(later.of, key[1], later.message_ids)
                except KonnectError as error:
                    log.info("mark not stored", extra={"chatId": key[0], "error": error.code})
                except Exception:
                    log.exception("mark not stored", extra={"chatId": key[0]})
        finally:
            del self._workers[key]

    async def _write(self, of: Membership, uid: str, message_ids: set[str | None]) -> Receipt:
        stored: Receipt = await self._call(partial(messaging.read, self._ctx, of, uid, message_ids, now=clock.now()))
        return stored

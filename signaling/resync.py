"""Replay to one socket what its user missed, before anything live, nothing twice and nothing left out.

The socket is held (its live events are kept back) from before it joins its rooms. A message committed before the read
is replayed; one committed after it is among the held. What was replayed and comes again late is dropped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import Field

from konnect.errors import KonnectError, Unavailable
from konnect.http.schemas import Schema
from konnect.messaging import service as messaging
from konnect.messaging.membership import Membership
from konnect.messaging.message import Message
from konnect.realtime import with_event_id
from konnect.sessions import offers
from konnect.store import Database, Doc

from .manager import Manager
from .memberships import Memberships

log = logging.getLogger(__name__)

REPLAY_MAX = 2_000
SEEN_MAX = 50


def missed(db: Database, membership: Membership, uid: str, seen: list[str]) -> list[Message]:
    """All messages after the first of `seen`, oldest first, without those in it; the latest page if it is empty.

    Raises Forbidden, NotFound, Unavailable when there are too many.
    """
    found = messaging.after(db, membership, uid, seen[0] if seen else None)
    page = found
    # From a known message on, a page may be full; with none known, the latest page is what there is to show.
    while seen and len(page) > messaging.REPLAY_LIMIT // 2:
        if len(found) > REPLAY_MAX:
            raise Unavailable("too many messages were missed: read them from the session", code="REPLAY_TOO_LONG")
        page = messaging.after(db, membership, uid, page[-1].id)
        found += page
    return [message for message in found if message.id not in seen]


def requests(found: list[Doc], uid: str) -> list[tuple[str, dict[str, Any]]]:
    """The events that tell one user of the requests that wait for acceptance: on the expert's side, and on the own."""
    return [
        ("chat-request", with_event_id(offers.for_expert(offer)))
        if offer["expertUid"] == uid
        else ("queue-status", with_event_id(offers.for_user(offer)))
        for offer in found
    ]


class Seen(Schema):
    """What a client that was away has: `lastMessageId`, the last it got (null: none yet), or `seenMessageIds`, the last
    few in the order in which they came. The latter finds as well what was overtaken: a message sent just before, by
    the other side on another instance, that was still under way when the line broke."""

    last_message_id: str | None = None
    seen_message_ids: Annotated[list[str], Field(max_length=SEEN_MAX)] = Field(default_factory=list)

    @property
    def wants_replay(self) -> bool:
        return bool({"last_message_id", "seen_message_ids"} & self.model_fields_set)

    @property
    def seen(self) -> list[str]:
        return self.seen_message_ids or ([self.last_message_id] if self.last_message_id else [])


class ReplayRequest(Seen):
    """Of `chatId`, by default the session in progress: what a client that was away has (see Seen)."""

    chat_id: str | None = None


class Replayer:
    def __init__(
        self,
        db: Database,
        manager: Manager,
        memberships: Memberships,
        call: Callable[..., Awaitable[Any]],
    ) -> None:
        self._db = db
        self._manager = manager
        self._memberships = memberships
        self._call = call
        self._running: set[asyncio.Task[None]] = set()

    def start(self, eio_sid: str, uid: str, chat_id: str | None, seen: list[str]) -> None:
        """Replay to a held socket and release it. Returns at once, so that the client is told first that it is in."""
        task = asyncio.get_running_loop().create_task(self._replay(eio_sid, uid, chat_id, seen))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _replay(self, eio_sid: str, uid: str, chat_id: str | None, seen: list[str]) -> None:
        replayed: set[str] = set()
        try:
            if chat_id is not None:
                membership = await self._memberships.get(chat_id)
                for message in await self._call(missed, self._db, membership, uid, seen):
                    self._manager.send_to(eio_sid, "new-message", messaging.event(message))
                    replayed.add(message.id)
        except KonnectError as error:
            self._manager.send_to(eio_sid, "resync-failed", {"chatId": chat_id, **error.body()})
        except Exception:
            log.exception("replay failed", extra={"uid": uid})
            self._manager.send_to(eio_sid, "resync-failed", {"chatId": chat_id, **Unavailable().body()})
        finally:
            self._manager.release(eio_sid, replayed)

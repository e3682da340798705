"""How many messages a user may send in a minute, whatever instance or way they take.

What is stored is the count, so nothing is written to count. An instance lets a user's first messages of a minute
pass by itself; for one who goes on it looks how many there are, from everywhere, and then again when half of what was
left is used. So one who writes at a common pace costs no read, and nobody gets past the limit by more than the few that
the instances let pass unlooked. Of a user in several chats at once, an instance looks into the one that is written to
and knows of the others what went through itself.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from konnect import clock
from konnect.config import Settings
from konnect.errors import RateLimited
from konnect.store import Database, Query

from .membership import Membership

LOOK_S = 10.0
"""So long a look counts: others may have sent meanwhile."""
USERS_MAX = 10_000


@dataclass
class _Sender:
    """One user, on the monotonic clock. `left`: by chat, what may follow the last look, and until when."""

    sent: deque[tuple[float, str]] = field(default_factory=deque)
    left: dict[str, tuple[int, float]] = field(default_factory=dict)
    refused_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class SendingLimit:
    """`messages` in `window_s` a user. The first `unlooked` of them pass without a look; with 0 there is one for each.
    Thread-safe."""

    def __init__(self, messages: int, window_s: float, *, unlooked: int) -> None:
        self._messages = messages
        self._window_s = window_s
        self._unlooked = unlooked
        self._senders: dict[str, _Sender] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, *, unlooked_share: int) -> "SendingLimit":
        """The configured one; without a look passes its `unlooked_share`-th part, with 0 nothing."""
        messages = settings.messages_per_minute * settings.rate_limit_factor
        unlooked = max(1, messages // unlooked_share) if unlooked_share else 0
        return cls(messages, settings.seconds(60), unlooked=unlooked)

    def take(self, db: Database, of: Membership, uid: str) -> None:
        """Count a message that is about to be sent. Raises RateLimited, which says when there is room again."""
        sender = self._sender(uid)
        # Held while it looks: what the same user sends meanwhile has to know what was found.
        with sender.lock:
            now = time.monotonic()
            if now < sender.refused_until:
                raise _refused(sender.refused_until - now)
            while sender.sent and sender.sent[0][0] <= now - self._window_s:
                sender.sent.popleft()
            if len(sender.sent) >= self._unlooked and not _used(sender, of.chat_id, now):
                self._look(db, sender, of, uid, now)
            sender.sent.append((now, of.chat_id))

    def _look(self, db: Database, sender: _Sender, of: Membership, uid: str, now: float) -> None:
        elsewhere = sum(chat != of.chat_id for _, chat in sender.sent)
        # What passed here may be on its way still.
        here = len(sender.sent) - elsewhere
        since = clock.now() - timedelta(seconds=self._window_s)
        stored = _sent_since(of, uid, since)
        room = self._messages - elsewhere - max(here, stored.count(db))
        if room <= 0:
            sender.refused_until = now + self._wait_s(db, stored, 1 - room)
            raise _refused(sender.refused_until - now)
        if self._unlooked:
            sender.left = {of.chat_id: ((room - 1) // 2, now + min(LOOK_S, self._window_s))}

    def _wait_s(self, db: Database, stored: Query, too_many: int) -> float:
        """Until so many have gone out of the window that the next one fits in."""
        oldest = replace(stored, limit=too_many, fields=("createdAt",)).run(db)
        if len(oldest) < too_many:
            return 1.0
        leaves: datetime = oldest[-1]["createdAt"] + timedelta(seconds=self._window_s)
        return max(0.0, (leaves - clock.now()).total_seconds())

    def _sender(self, uid: str) -> _Sender:
        with self._lock:
            sender = self._senders.pop(uid, None) or _Sender()
            if len(self._senders) >= USERS_MAX:
                # Insertion order: the first is who has not sent for the longest time.
                del self._senders[next(iter(self._senders))]
            self._senders[uid] = sender
            return sender


def _used(sender: _Sender, chat_id: str, now: float) -> bool:
    """Take one of what the last look left."""
    left, until = sender.left.get(chat_id, (0, 0.0))
    if left <= 0 or now > until:
        return False
    sender.left[chat_id] = left - 1, until
    return True


def _sent_since(of: Membership, uid: str, since: datetime) -> Query:
    return (
        Query(of.messages, order=(("createdAt", "asc"),)).filter("senderId", "==", uid).filter("createdAt", ">", since)
    )


def _refused(wait_s: float) -> RateLimited:
    return RateLimited("too many messages; please slow down", retry_after_s=max(1, -int(-wait_s // 1)))

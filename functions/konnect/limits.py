"""Rate limits that hold across instances: how many requests a caller may make in a window of time.

The count of a caller, limit and window is a document, and adding to it is one blind write whose commit answers with the
sum: no read, no transaction. An instance adds what it has let pass in steps of a twentieth of the limit (the last tenth
one by one), and refuses by itself, without a write, whom it saw exceed. So a client costs at most one write a request,
and one in five at the general limit; nobody passes `requests` by more than `step - 1` an instance that serves it: by 4
of 100 at the general limit, by none where `step` is 1, as it is for sign-in, payments and bookings.

Windows are fixed, as express-rate-limit has them, which today's frontends know: a sliding one would have to read the
window before. They begin at another moment for each caller, so that not all of them come back at once. The `limits`
package was looked at: its storages count each request by a round trip, so the steps, the memory of who exceeded and the
way on when Firestore does not answer would all be ours to write, around more code than this.
"""

import hashlib
import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from . import ids
from .config import Settings

if TYPE_CHECKING:
    from .store import Database

log = logging.getLogger(__name__)

Name = Literal[
    "general",
    "auth",
    "payments",
    "admin",
    "bookings",
    "coupons",
    "progress",
    "messages",
    "sign-in",
    "account",
    "mails",
]
QUARTER_HOUR_S, MINUTE_S = 900, 60
KEPT_S = 300
"""How long a count outlives its window: clocks differ. Firestore's TTL then deletes it, within a day."""
SILENT_S = 5.0
"""How long counting rests after Firestore did not answer."""
CALLERS_MAX = 10_000


@dataclass(frozen=True)
class Limit:
    """`requests` in each `window_s`; an instance counts `step` at a time."""

    name: Name
    requests: int
    window_s: int
    step: int

    @property
    def policy(self) -> str:
        """As in RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.requests};w={self.window_s}'


def configured(settings: Settings) -> dict[Name, Limit]:
    """The limits, by name. `messages` is counted where messages are stored, sockets' and requests' together
    (konnect.messaging); the others here."""
    windows: dict[Name, tuple[int, int]] = {
        "general": (settings.rate_limit_general, QUARTER_HOUR_S),
        "auth": (settings.rate_limit_auth, QUARTER_HOUR_S),
        "payments": (settings.rate_limit_payments, QUARTER_HOUR_S),
        "admin": (settings.rate_limit_admin, QUARTER_HOUR_S),
        "bookings": (settings.rate_limit_bookings, MINUTE_S),
        "coupons": (settings.rate_limit_coupons, QUARTER_HOUR_S),
        "progress": (settings.rate_limit_progress, MINUTE_S),
    }
    # A factor changes who is refused, not what counting costs.
    found = {
        name: Limit(name, requests * settings.rate_limit_factor, window_s, max(1, requests // 20))
        for name, (requests, window_s) in windows.items()
    }
    return {**found, "messages": Limit("messages", settings.messages_per_minute, MINUTE_S, 1)}


PASSWORDS: dict[Name, Limit] = {
    "sign-in": Limit("sign-in", 5, QUARTER_HOUR_S, 1),
    "account": Limit("account", 20, QUARTER_HOUR_S, 1),
    "mails": Limit("mails", 3, QUARTER_HOUR_S, 1),
}
"""How many may be tried (konnect.identity.sign_in): for one account by one address, and by all together; and how many
mails with a code one address gets, whoever asks for them (konnect.identity.recovery)."""


@dataclass(frozen=True)
class Standing:
    """Where a caller stands after a request: what is left, and when the window ends."""

    limit: Limit
    remaining: int
    reset_s: int
    refused: bool


@dataclass
class _Counter:
    """One caller's window at this instance. `known` is the sum of all instances as of the last write, `pending` what
    has been let pass here since. `silent_until` is on the monotonic clock."""

    window: int
    known: int = 0
    pending: int = 0
    silent_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Limiter:
    """The counts of one instance. Thread-safe: requests of one caller wait for each other only while one writes."""

    def __init__(self, settings: Settings, db: "Database") -> None:
        self.limits = {**configured(settings), **PASSWORDS}
        self._db = db
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, str], _Counter] = {}

    def take(self, name: Name, caller: str, now: datetime) -> Standing:
        """Count a request of `caller` ("user:…", "address:…"), unless it is refused. Never raises: when Firestore does
        not answer, the request passes, for whatever it needs of Firestore to fail by itself."""
        limit = self.limits[name]
        window, reset_s = _window(limit, caller, now)
        counter = self._counter(name, caller, window)
        with counter.lock:
            refused = counter.known + counter.pending >= limit.requests
            if not refused:
                counter.pending += 1
                self._write(limit, caller, counter, now, reset_s)
                refused = counter.known + counter.pending > limit.requests
            remaining = max(0, limit.requests - counter.known - counter.pending)
        return Standing(limit, remaining, reset_s, refused)

    def clear(self, name: Name, caller: str, now: datetime) -> None:
        """Let the caller begin anew. Never raises: without Firestore the window ends by itself."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError

        limit = self.limits[name]
        window, _ = _window(limit, caller, now)
        with self._lock:
            self._counters.pop((name, caller), None)
        try:
            self._db.delete(*_path(limit, caller, window))
        except (GoogleAPICallError, RetryError) as error:
            log.warning("count not cleared", extra={"limit": name, "error": str(error)})

    def _counter(self, name: Name, caller: str, window: int) -> _Counter:
        with self._lock:
            counter = self._counters.pop((name, caller), None)
            if counter is None or counter.window != window:
                counter = _Counter(window)
            if len(self._counters) >= CALLERS_MAX:
                # Insertion order: the first is who has not asked for the longest time.
                del self._counters[next(iter(self._counters))]
            self._counters[name, caller] = counter
            return counter

    def _write(self, limit: Limit, caller: str, counter: _Counter, now: datetime, reset_s: int) -> None:
        """Add what is pending to the sum, if it is time, and learn the sum."""
        near = counter.known + counter.pending > limit.requests - max(limit.requests // 10, limit.step)
        if (counter.pending < limit.step and not near) or time.monotonic() < counter.silent_until:
            return
        from google.api_core.exceptions import GoogleAPICallError, RetryError

        path = _path(limit, caller, counter.window)
        expires_at = datetime.fromtimestamp(now.timestamp() + reset_s + KEPT_S, UTC)
        try:
            counter.known = self._db.add(path, "count", counter.pending, {"expiresAt": expires_at})
            counter.pending = 0
        except (GoogleAPICallError, RetryError) as error:
            counter.silent_until = time.monotonic() + SILENT_S
            log.warning("requests not counted", extra={"limit": limit.name, "error": str(error)})


def _window(limit: Limit, caller: str, now: datetime) -> tuple[int, int]:
    """The number of the caller's window, and in how many seconds it ends."""
    # The phase: a caller's windows begin at a moment of its own.
    elapsed_s = now.timestamp() + int(hashlib.sha256(caller.encode()).hexdigest()[:8], 16) % limit.window_s
    window = int(elapsed_s // limit.window_s)
    return window, max(1, -int(-((window + 1) * limit.window_s - elapsed_s) // 1))


def _path(limit: Limit, caller: str, window: int) -> tuple[str, str]:
    # A digest: an address does not stay in the database.
    return ("rateLimits", ids.digest(limit.name, caller, window))

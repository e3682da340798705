"""Pure part of a per-minute session: which minutes have begun, and what became of each.

Minute n begins at startedAt + n minutes and is due then. Each begun minute is exactly one of: charged; in grace (the
wallet did not cover it, and a deposit is waited for); deferred (it came due while a side was absent); written off;
given back. A free minute counts as charged, with nothing, as soon as it begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from konnect import clock
from konnect.config import MINUTE_S, Settings
from konnect.money import rupees
from konnect.store import Doc

LOW_BALANCE_MINUTES = 3

Side = Literal["user", "expert"]
Warning_ = Literal["low-balance", "zero-balance"]
EndReason = Literal[
    "user-ended", "expert-ended", "insufficient-balance", "max-duration", "user-absent", "expert-absent", "admin-ended"
]
CancelReason = Literal[
    "user-cancelled",
    "declined",
    "not-accepted",
    "user-absent",
    "expert-absent",
    "insufficient-balance",
    "booked",
    "admin-ended",
]
"""Why a request that waited for the expert's acceptance did not become a session."""
ABSENCE_REASONS: dict[Side, EndReason] = {"user": "user-absent", "expert": "expert-absent"}


@dataclass(frozen=True)
class Pace:
    """The product's times as this process counts them; only the local stack shortens them."""

    minute_s: float
    grace_s: float
    absence_s: float

    @classmethod
    def of(cls, settings: Settings) -> "Pace":
        return cls(settings.minute_s, settings.seconds(settings.grace_s), settings.seconds(settings.absence_s))

    def seconds(self, real_s: float) -> float:
        """Another time of the product as this process counts it."""
        return real_s * self.minute_s / MINUTE_S


@dataclass(frozen=True)
class Tariff:
    """What each minute of a session costs, frozen when it is asked for: first the free ones, then those at the
    promotional price, then the list price. So no minute costs less than one before it."""

    list_paise: int
    free_minutes: int = 0
    promotional_minutes: int = 0
    promotional_paise: int = 0
    """At most the list price."""

    def price_of(self, minute: int) -> int:
        """In paise."""
        if minute < self.free_minutes:
            return 0
        if minute < self.free_minutes + self.promotional_minutes:
            return self.promotional_paise
        return self.list_paise

    def total(self, minutes: Iterable[int]) -> int:
        return sum(self.price_of(minute) for minute in minutes)

    @property
    def is_intro(self) -> bool:
        return bool(self.free_minutes or self.promotional_minutes)

    @classmethod
    def of(cls, session: Doc) -> "Tariff":
        return cls(
            session["pricePerMinPaise"],
            session.get("freeMinutes", 0),
            session.get("promotionalMinutes", 0),
            session.get("promotionalPricePerMinPaise") or 0,
        )

    def fields(self) -> Doc:
        """As fields of the session. Without a promotion its price is null."""
        promotional_paise = self.promotional_paise if self.promotional_minutes else None
        return {
            "pricePerMin": rupees(self.list_paise),
            "pricePerMinPaise": self.list_paise,
            "freeMinutes": self.free_minutes,
            "promotionalMinutes": self.promotional_minutes,
            "promotionalPricePerMin": None if promotional_paise is None else rupees(promotional_paise),
            "promotionalPricePerMinPaise": promotional_paise,
        }


@dataclass
class Meter:
    """The minutes of one session. Lists hold minute numbers in order."""

    started_at: datetime
    pace: Pace
    max_minutes: int
    tariff: Tariff
    next_minute: int = 0
    """The first minute that has not come due yet, as far as the session knows."""
    charged: int = 0
    deferred: list[int] = field(default_factory=list)
    grace: list[int] = field(default_factory=list)
    written_off: list[int] = field(default_factory=list)
    given_back: list[int] = field(default_factory=list)
    grace_until: datetime | None = None
    user_absent_since: datetime | None = None
    expert_absent_since: datetime | None = None

    def due_at(self, minute: int) -> datetime:
        return clock.after(self.started_at, minute * self.pace.minute_s)

    def minute_at(self, moment: datetime) -> int:
        """The minute that runs at `moment`."""
        return int((moment - self.started_at).total_seconds() // self.pace.minute_s)

    def due(self, now: datetime) -> range:
        """The minutes that have begun by `now` and that the session does not know of yet."""
        begun = min(self.minute_at(now) + 1, self.max_minutes)
        return range(self.next_minute, max(begun, self.next_minute))

    def absent_at(self, moment: datetime) -> bool:
        """Whether a side that is absent now was so at `moment`."""
        return any(since is not None and since <= moment for since in self.absences().values())

    def absences(self) -> dict[Side, datetime | None]:
        return {"user": self.user_absent_since, "expert": self.expert_absent_since}

    def over(self, now: datetime) -> EndReason | None:
        """Why the session is over by `now`: of several reasons that a late task meets, the one that came first."""
        ends: list[tuple[datetime, EndReason]] = [(self.due_at(self.max_minutes), "max-duration")]
        if self.grace_until is not None:
            ends.append((self.grace_until, "insufficient-balance"))
        for side, since in self.absences().items():
            if since is not None:
                ends.append((clock.after(since, self.pace.absence_s), ABSENCE_REASONS[side]))
        at, reason = min(ends)
        return reason if at <= now else None

    def owed(self) -> list[int]:
        return sorted([*self.grace, *self.deferred])

    def next_action_at(self) -> datetime:
        """When a task of this session is due next; later than that, a sweep takes it up."""
        times = [self.due_at(self.next_minute), self.grace_until]
        times += [clock.after(since, self.pace.absence_s) for since in self.absences().values() if since]
        return min(time for time in times if time is not None)

    def begin_grace(self, now: datetime) -> None:
        """From the handler's time on, so that a late task does not shorten it."""
        if self.grace_until is None:
            self.grace_until = clock.after(now, self.pace.grace_s)

    def expert_is_back(self, now: datetime) -> None:
        """A deferred minute that the expert has missed from its beginning to its end is owed no more."""
        since, self.expert_absent_since = self.expert_absent_since, None
        for minute in list(self.deferred):
            if since is not None and since <= self.due_at(minute) and self.due_at(minute + 1) <= now:
                self.deferred.remove(minute)
                self.written_off.append(minute)

    def close(self, *, for_absence: bool) -> None:
        """Sort what is left unpaid at the end: deferred minutes stay so where absence ended it or goes on; a minute
        that came due within the grace stays in grace; the rest is written off."""
        for minute in list(self.grace):
            if self.grace_until is None or self.due_at(minute) > self.grace_until:
                self.grace.remove(minute)
                self.written_off.append(minute)
        if not for_absence:
            self.written_off += self.deferred
            self.deferred = []
        self.written_off.sort()

    def charged_minute(self, minute: int) -> bool:
        """Whether a begun minute has been charged and kept."""
        return 0 <= minute < self.next_minute and minute not in self._unpaid()

    @property
    def total_paise(self) -> int:
        """What the minutes charged and kept come to."""
        return self.tariff.total(range(self.next_minute)) - self.tariff.total(self._unpaid())

    def _unpaid(self) -> set[int]:
        return {*self.deferred, *self.grace, *self.written_off, *self.given_back}


def warning(balance_paise: int, meter: Meter) -> Warning_ | None:
    """What the user has to be warned of: low is a balance that does not cover the next three minutes."""
    if meter.grace:
        return "zero-balance"
    next_paise = meter.tariff.total(range(meter.next_minute, meter.next_minute + LOW_BALANCE_MINUTES))
    return "low-balance" if balance_paise < next_paise else None

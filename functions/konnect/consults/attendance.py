"""Pure part of who was there in a consult: the evidence of booked sessions, the time in which both were there, and
when each came and went.

A user who comes back before the absence has ended the consult, if only to end it, was there meanwhile, as far as the
consultant was: else somebody who leaves again and again would have the consultant's time for nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from konnect.sessions.booked import evidence
from konnect.sessions.booked.evidence import Evidence
from konnect.sessions.metering import Side
from konnect.store import Doc

SIDES: tuple[Side, Side] = ("user", "expert")
INTERVALS_MAX = 200
"""So many are kept of a side; of one who comes and goes more often, the last goes on. Money is by `together_ms`."""
NOTHING: Doc = {**evidence.NOTHING, "togetherMs": 0, "awayMs": 0, "intervals": {side: [] for side in SIDES}}
"""The fields of a consult that is not accepted yet."""
_MS = timedelta(milliseconds=1)


@dataclass
class Attendance:
    """`away_ms`: of the user's absence that goes on, the time in which the consultant waited. `intervals`: by side,
    [{from, to}] in order; `to` is None while it goes on."""

    known: Evidence
    together_ms: int
    away_ms: int
    intervals: dict[Side, list[Doc]]

    @classmethod
    def begin(cls, now: datetime) -> "Attendance":
        """From now on it counts who is there. Nobody is, until `note` says so."""
        return cls(Evidence(now, now, now), 0, 0, {side: [] for side in SIDES})

    @classmethod
    def of(cls, consult: Doc) -> "Attendance":
        """Of an accepted consult."""
        known = evidence.of(consult)
        assert known is not None
        stored = consult["intervals"]
        intervals = {side: [dict(one) for one in stored[side]] for side in SIDES}
        return cls(known, consult["togetherMs"], consult["awayMs"], intervals)

    @property
    def both_there(self) -> bool:
        return self.known.both_there

    def advance(self, now: datetime, *, running: bool) -> None:
        """Time passes, as things are."""
        before = self.known.until
        self.known.advance(now, running=running)
        passed_ms = (self.known.until - before) // _MS
        if not running or self.known.expert_absent_since is not None:
            return
        if self.known.user_absent_since is None:
            self.together_ms += passed_ms
        else:
            self.away_ms += passed_ms

    def note(self, *, user_there: bool, expert_there: bool) -> None:
        """From the known time on it is so."""
        self.known.note(user_there=user_there, expert_there=expert_there)
        if user_there:
            self.user_is_back()
        self._mark(self.intervals["user"], user_there)
        self._mark(self.intervals["expert"], expert_there)

    def user_is_back(self) -> None:
        self.together_ms += self.away_ms
        self.away_ms = 0

    def close(self) -> None:
        """It is over: whoever was there was there until now."""
        for listed in self.intervals.values():
            self._mark(listed, False)

    def _mark(self, listed: list[Doc], there: bool) -> None:
        is_open = bool(listed) and listed[-1]["to"] is None
        if there == is_open:
            return
        if not there:
            listed[-1]["to"] = self.known.until
        elif len(listed) < INTERVALS_MAX:
            listed.append({"from": self.known.until, "to": None})
        else:
            listed[-1]["to"] = None

    @property
    def fields(self) -> Doc:
        """As the consult has it."""
        return {
            **self.known.fields,
            "togetherMs": self.together_ms,
            "awayMs": self.away_ms,
            "intervals": self.intervals,
        }

"""Pure part of who was there in a booked session's time, added up from its beginning on.

A side is there while it is connected. Time is known up to `until`; what held then holds until the next `advance`, since
every change of presence is looked at.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from konnect.store import Doc

from .policy import Outcome

_MS = timedelta(milliseconds=1)


@dataclass
class Evidence:
    """`unserved_ms`: the expert was away, or both were there and nothing began. Before the start, `attended_ms`: the
    expert was there; `waited_ms`: the user was. `kept_busy`: another session of either was in the way."""

    until: datetime
    user_absent_since: datetime | None
    expert_absent_since: datetime | None
    unserved_ms: int = 0
    attended_ms: int = 0
    waited_ms: int = 0
    kept_busy: bool = False

    @property
    def both_there(self) -> bool:
        return self.user_absent_since is None and self.expert_absent_since is None

    def advance(self, now: datetime, *, running: bool) -> None:
        """Time passes, as things are. Clocks differ a little: a `now` before `until` adds nothing."""
        passed_ms = max(0, (now - self.until) // _MS)
        if passed_ms == 0:
            return
        self.until = now
        expert_there, user_there = self.expert_absent_since is None, self.user_absent_since is None
        if not expert_there or (user_there and not running):
            self.unserved_ms += passed_ms
        if running:
            return
        self.attended_ms += passed_ms if expert_there else 0
        self.waited_ms += passed_ms if user_there else 0

    def note(self, *, user_there: bool, expert_there: bool) -> None:
        """From `until` on it is so."""
        self.user_absent_since = None if user_there else self.user_absent_since or self.until
        self.expert_absent_since = None if expert_there else self.expert_absent_since or self.until

    def outcome(self, waiting_ms: int, patience_ms: int) -> Outcome:
        """Who is to blame if nothing has begun in `waiting_ms`, by all of that time and not by its last moment.

        The expert, who was there for less than half of it. Else the user, unless there at the end or for `patience_ms`
        altogether, or the expert had gone by then for as long: they missed each other, and nobody pays.
        """
        if self.both_there or self.kept_busy:
            return "not-started"
        if 2 * self.attended_ms < waiting_ms:
            return "expert-no-show"
        user_came = self.user_absent_since is None or self.waited_ms >= patience_ms
        gone = self.expert_absent_since
        expert_left = gone is not None and self.until - gone >= patience_ms * _MS
        return "not-started" if user_came or expert_left else "user-no-show"

    @property
    def fields(self) -> Doc:
        """As the session has it."""
        return {
            "seenUntil": self.until,
            "userAbsentSince": self.user_absent_since,
            "expertAbsentSince": self.expert_absent_since,
            "unservedMs": self.unserved_ms,
            "attendedMs": self.attended_ms,
            "waitedMs": self.waited_ms,
            "keptBusy": self.kept_busy,
        }


NOTHING: Doc = {
    "seenUntil": None,
    "userAbsentSince": None,
    "expertAbsentSince": None,
    "unservedMs": 0,
    "attendedMs": 0,
    "waitedMs": 0,
    "keptBusy": False,
}
"""The fields of a session before its time."""


def of(session: Doc) -> Evidence | None:
    """What is known of a session; None before its time."""
    if session["seenUntil"] is None:
        return None
    return Evidence(
        session["seenUntil"],
        session["userAbsentSince"],
        session["expertAbsentSince"],
        session["unservedMs"],
        session["attendedMs"],
        session["waitedMs"],
        session["keptBusy"],
    )

"""How long those who wait for an expert will wait, about: from how long the expert's sessions last.

experts/{id}/private/sessionLengths {averageS, sessions}: a moving average of the seconds that sessions by the minute
have lasted, kept by the trigger that counts orders, so each counts once.
"""

from dataclasses import dataclass
from datetime import datetime

from konnect.experts import preferences
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Tx

from . import repository

RECENT = 20
"""About so many sessions make the average."""


@dataclass(frozen=True)
class Outlook:
    """`ahead_s`: what is left of the sessions that go on. `average_s` None: nobody can tell."""

    average_s: float | None
    ahead_s: float = 0.0
    at_a_time: int = 1

    def wait_s(self, position: int) -> int | None:
        """Of the one at this place in the queue, from 1."""
        if self.average_s is None:
            return None
        return round((self.ahead_s + (position - 1) * self.average_s) / self.at_a_time)


def outlook(db: Database, expert_id: str, *, config: PlatformConfig, now: datetime) -> Outlook:
    """As things are. Nobody can tell while the expert is away or on a break, or has had no session yet."""
    expert, lengths, claims = ("experts", expert_id), _lengths(expert_id), ("claims", f"expert:{expert_id}")
    found = db.get_many([expert, lengths, claims])
    profile, average_s = found[expert], (found[lengths] or {}).get("averageS")
    if average_s is None or profile is None or not profile["available"] or preferences.of(profile)["onBreak"]:
        return Outlook(None)
    running = [("sessions", session_id) for session_id in (found[claims] or {}).get("sessions", [])]
    sessions = db.get_many(running).values() if running else []
    ahead_s = sum(max(0.0, average_s - _ran_s(session, now)) for session in sessions if session is not None)
    return Outlook(average_s, ahead_s, config.maxSessionsPerMentor)


def learn(tx: Tx, expert_id: str, session: Doc) -> None:
    """Count an ended session. The caller has made sure that it is counted once."""
    if repository.is_booked(session) or tx.get("experts", expert_id) is None:
        return
    known = tx.get(*_lengths(expert_id)) or {"averageS": 0.0, "sessions": 0}
    sessions = known["sessions"] + 1
    change_s = (session["durationSeconds"] - known["averageS"]) / min(sessions, RECENT)
    tx.set(_lengths(expert_id), {"averageS": known["averageS"] + change_s, "sessions": sessions})


def forget(tx: Tx, expert_id: str) -> None:
    """The expert is removed."""
    tx.delete(_lengths(expert_id))


def _lengths(expert_id: str) -> tuple[str, ...]:
    return ("experts", expert_id, "private", "sessionLengths")


def _ran_s(session: Doc, now: datetime) -> float:
    """How long it has gone on; a request that is to be accepted, or a booked session, not at all."""
    started_at = session["startedAt"]
    return (now - started_at).total_seconds() if started_at else 0.0

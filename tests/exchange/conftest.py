"""Members, and exchanges driven by hand at times after START."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.context import Context
from konnect.exchange import completion, meetings, service
from konnect.members import service as members
from konnect.platform import platform_config
from konnect.store import Doc, Query
from tests.support import START

ASHA, RAVI, EVE = "asha", "ravi", "eve"
TERMS = {"commitmentHours": 10, "sessionFrequency": "weekly", "cancellationPolicy": "A day before."}


def at(**later: float) -> datetime:
    return START + timedelta(**later)


@dataclass
class Square:
    """Asha teaches Python and wants the guitar; Ravi the other way round."""

    ctx: Context

    def member(self, uid: str, offered: list[str], desired: list[str], **fields: Any) -> None:
        self.ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
        wishes = {"offeredSkills": offered, "desiredSkills": desired, **fields}
        self.ctx.run(lambda tx: members.change(tx, uid, wishes, now=START))

    def wish(self, provider: str | None = RAVI, **fields: Any) -> service.Wanted:
        given = {"uid": ASHA, "offered_skill": "Python", "requested_skill": "Guitar", "message": "Hello"}
        return service.Wanted(**{**given, "provider_id": provider, "terms": TERMS, "exchange_id": ids.new(), **fields})

    def ask(self, provider: str | None = RAVI, *, now: datetime = START, **fields: Any) -> str:
        wanted = self.wish(provider, **fields)
        made = self.ctx.run(lambda tx: service.create(tx, wanted, settings=self.ctx.settings, now=now))
        return str(made["id"])

    def accept(self, exchange_id: str, by: str = RAVI, *, now: datetime = START) -> Doc:
        return self.ctx.run(lambda tx: service.accept(tx, exchange_id, by, settings=self.ctx.settings, now=now))

    def accepted(self, provider: str | None = RAVI, **fields: Any) -> str:
        exchange_id = self.ask(provider, **fields)
        self.accept(exchange_id, provider or RAVI)
        return exchange_id

    def reject(self, exchange_id: str, by: str = RAVI, *, note: str = "", now: datetime = START) -> Doc:
        return self.ctx.run(lambda tx: service.reject(tx, exchange_id, by, note=note, now=now))

    def cancel(self, exchange_id: str, by: str = ASHA, *, note: str = "", now: datetime = START) -> Doc:
        return self.ctx.run(lambda tx: service.cancel(tx, exchange_id, by, note=note, now=now))

    def complete(self, exchange_id: str, by: str, *, now: datetime = START) -> Doc:
        return self.ctx.run(lambda tx: completion.complete(tx, exchange_id, by, now=now))

    def completed(self, **fields: Any) -> str:
        exchange_id = self.accepted(**fields)
        for uid in (fields.get("uid", ASHA), fields.get("provider", RAVI)):
            self.complete(exchange_id, uid)
        return exchange_id

    def rate(self, exchange_id: str, by: str, rating: int = 5, *, comment: str = "", endorse: bool = False) -> Doc:
        given: dict[str, Any] = {"rating": rating, "comment": comment, "endorse": endorse}
        return self.ctx.run(lambda tx: completion.give_feedback(tx, exchange_id, by, **given, now=START))

    def plan(self, exchange_id: str, when: datetime, *, by: str = ASHA, now: datetime = START, **fields: Any) -> str:
        """A session's id."""
        session_id = ids.new()
        given: dict[str, Any] = {"minutes": 60, "topic": "", "meeting_url": None, "room_secret": "secret", **fields}
        self.ctx.run(
            lambda tx: meetings.schedule(
                tx, exchange_id, by, session_id=session_id, at=when, **given, settings=self.ctx.settings, now=now
            )
        )
        return session_id

    def change(self, exchange_id: str, session_id: str, fields: Doc, *, by: str = RAVI, now: datetime = START) -> Doc:
        return self.ctx.run(
            lambda tx: meetings.change(tx, exchange_id, session_id, by, fields, settings=self.ctx.settings, now=now)
        )

    def way_in(self, exchange_id: str, session_id: str, now: datetime, *, by: str = RAVI) -> dict[str, Any]:
        config = platform_config(self.ctx.db)
        return self.ctx.run(
            lambda tx: meetings.way_in(
                tx, exchange_id, session_id, by, settings=self.ctx.settings, config=config, now=now
            )
        )

    def exchange(self, exchange_id: str) -> Doc:
        found = self.ctx.db.get("exchanges", exchange_id)
        assert found is not None
        return found

    def profile(self, uid: str) -> Doc:
        found = members.read(self.ctx.db, uid)
        assert found is not None
        return found

    def earned(self, uid: str) -> tuple[int, list[str]]:
        """Points for exchanges, and badges."""
        given = Query(("points",)).filter("uid", "==", uid).run(self.ctx.db)
        points = sum(one["points"] for one in given if one["reason"] == "exchange_completed")
        badges = (self.ctx.db.get("gamification", uid) or {}).get("badges", [])
        return points, [one["id"] for one in badges]

    def told(self, uid: str) -> list[str]:
        """The types of what somebody was notified of about exchanges."""
        found = Query(("notifications",)).filter("userId", "==", uid).run(self.ctx.db)
        return sorted(one["type"] for one in found if one["type"].startswith("exchange_"))


@pytest.fixture
def square(ctx: Context) -> Square:
    square = Square(ctx)
    square.member(ASHA, ["Python", "Chess"], ["Guitar"])
    square.member(RAVI, ["Guitar"], ["python"])
    square.member(EVE, ["Singing"], ["Piano"])
    return square

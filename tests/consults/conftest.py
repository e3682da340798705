"""A consultant at 10 INR a minute, users with money, and consults driven by hand at times after START."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.calendar import service as calendar
from konnect.consults import course, service, tasks
from konnect.context import Context
from konnect.reconciliation.service import reconcile
from konnect.store import Doc, Query
from tests.sessions.bookings import Bookings
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, kept_tasks, movements, sum_of_all_legs, wallet_of

USER = "meera"


@dataclass
class Room(Bookings):
    """Nobody is connected unless a test says so."""

    def wish(self, uid: str = USER, **fields: Any) -> service.Wanted:
        given = {"consultant_id": EXPERT, "type": "chat", "minutes": 30, "price_paise": None, "consult_id": ids.new()}
        return service.Wanted(uid, **{**given, **fields})

    def ask(self, uid: str = USER, *, now: datetime = START, **fields: Any) -> Doc:
        wanted = self.wish(uid, **fields)
        return self.ctx.run(lambda tx: service.start(tx, wanted, key=None, config=self.config, pace=PACE, now=now))

    def asked(self, uid: str = USER, rupees: int = 1000, **fields: Any) -> str:
        """A consult that waits for its acceptance, of somebody with money."""
        self.person(uid, rupees)
        return str(self.ask(uid, **fields)["id"])

    def take(self, consult_id: str, now: datetime, *, by: str = EXPERT) -> Doc:
        return self.ctx.run(lambda tx: course.accept(tx, consult_id, by, pace=PACE, now=now))

    def join(self, consult_id: str, uid: str, now: datetime, *, joined: bool = True) -> Doc:
        return self.ctx.run(lambda tx: course.join(tx, consult_id, uid, joined, pace=PACE, now=now))

    def active(self, uid: str = USER, **fields: Any) -> str:
        """A consult that has begun at START."""
        consult_id = self.asked(uid, **fields)
        self.here(uid, EXPERT, now=START)
        self.take(consult_id, START)
        self.join(consult_id, uid, START)
        assert self.join(consult_id, EXPERT, START)["status"] == "active"
        return consult_id

    def extend(self, consult_id: str, minutes: int, now: datetime, *, by: str = USER, **fields: Any) -> Doc:
        given: dict[str, Any] = {"price_paise": None, "key": None, **fields}
        return self.ctx.run(
            lambda tx: service.extend(tx, consult_id, by, minutes, config=self.config, pace=PACE, now=now, **given)
        )

    def finish(self, consult_id: str, by: str, now: datetime) -> Doc:
        return self.ctx.run(lambda tx: course.end(tx, consult_id, by, pace=PACE, now=now))

    def look(self, consult_id: str, now: datetime) -> None:
        self.ctx.run(lambda tx: course.progress(tx, consult_id, pace=PACE, now=now))

    def tasks_until(self, now: datetime) -> None:
        """Each task of a consult that is due by then, once, at its own time."""
        done: set[str] = set()
        while True:
            waiting = [
                task for task in kept_tasks(self.ctx).keyed("consult") if task.name not in done and task.at <= now
            ]
            if not waiting:
                return
            task = min(waiting, key=lambda one: one.at)
            done.add(task.name)
            tasks.progress(self.ctx, task.payload, task.at)

    def consult(self, consult_id: str) -> Doc:
        consult = self.ctx.db.get("consults", consult_id)
        assert consult is not None
        return consult

    def terms(self, consult_id: str) -> Doc:
        return self.ctx.db.get("consults", consult_id, "private", "terms") or {}

    def reserved(self, uid: str) -> list[tuple[datetime, datetime]]:
        found = self.ctx.run(lambda tx: calendar.overlapping(tx, uid, START, START + timedelta(days=1), now=START))
        return [(one.begins, one.ends) for one in found]

    def kinds(self) -> list[str]:
        return sorted(movement["kind"] for movement in movements(self.ctx) if movement["kind"] != "deposit")

    def settled(self, consult_id: str, *, kept_paise: int, held_paise: int = 30000, rupees: int = 1000) -> Doc:
        """An ended consult's money, to the paisa, everywhere that it is written; the fee is 20 %."""
        fee = (kept_paise + 2) // 5
        consult, terms = self.consult(consult_id), self.terms(consult_id)
        assert (consult["heldPaise"], consult["pricePaise"]) == (0, held_paise)
        assert (consult["amountPaise"], consult["refundedAmountPaise"]) == (kept_paise, held_paise - kept_paise)
        assert (terms["earningPaise"], terms["platformFeePaise"]) == (kept_paise - fee, fee)
        assert wallet_of(self.ctx, consult["userId"])["balancePaise"] == rupees * 100 - kept_paise
        assert wallet_of(self.ctx, EXPERT)["withdrawablePaise"] == kept_paise - fee
        mine = Query(("transactions",)).filter("referenceId", "==", consult_id).run(self.ctx.db)
        paid = sum(-one["amountPaise"] if one["type"] == "payment" else 0 for one in mine)
        back = sum(one["amountPaise"] if one["type"] == "refund" else 0 for one in mine)
        assert paid + back == -kept_paise
        assert self.claims() == [None]
        assert self.expert()["orders"] == (1 if consult["status"] == "completed" else 0)
        assert self.reserved(EXPERT) == self.reserved(consult["userId"]) == []
        self.check_books()
        return consult

    def check_books(self) -> None:
        assert sum_of_all_legs(self.ctx) == 0
        report = reconcile(self.ctx)
        assert report.ok, report.differences


@pytest.fixture
def room(ctx: Context) -> Room:
    room = Room(ctx)
    room.expert_online()
    room.gone(EXPERT, now=START)
    return room

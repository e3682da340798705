"""Booked sessions driven by hand: the calls that tests make, and what must hold of the books at any time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from konnect import ids
from konnect.calendar import service as calendar
from konnect.context import Context
from konnect.money import percent_of
from konnect.presence import service as presence
from konnect.reconciliation.service import reconcile
from konnect.sessions import attendance, cancellation, sweeps
from konnect.sessions.booked import service as booked
from konnect.sessions.booked.service import Wanted
from konnect.store import Doc, Emit, Query
from konnect.tasks import Task
from tests.sessions.conftest import EXPERT, PACE, Stage
from tests.support import START, give, kept_tasks, movements, sum_of_all_legs, wallet_of


class Crash(Exception):
    """The process is gone."""


class Dying(Context):
    """Commits, and dies before anything follows."""

    def flush(self, tasks: list[Task], emits: list[Emit]) -> None:
        raise Crash


def dying(ctx: Context) -> Context:
    return Dying(ctx.settings, ctx.db, ctx.tasks, ctx.realtime)


SLOT = START + timedelta(days=2)
"""When sessions are booked for, unless a test says otherwise: two days ahead."""
USER = "meera"


@dataclass
class Bookings(Stage):
    """`slot(m)` is m minutes after the booked time. Nobody is connected unless a test says so."""

    def slot(self, minutes: float = 0, seconds: float = 0) -> datetime:
        return SLOT + timedelta(minutes=minutes, seconds=seconds)

    def person(self, uid: str, rupees: int = 1000) -> None:
        """Somebody with a profile and money, who is not connected."""
        self.ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
        if rupees:
            give(self.ctx, uid, rupees * 100)

    def wanted(self, uid: str = USER, **fields: Any) -> Wanted:
        given = {
            "expert_id": EXPERT,
            "type": "chat",
            "scheduled_at": SLOT,
            "minutes": 30,
            "price_paise": None,
            "session_id": ids.new(),
        }
        return Wanted(uid, **{**given, **fields})

    def book(self, uid: str = USER, *, now: datetime = START, **fields: Any) -> Doc:
        wanted = self.wanted(uid, **fields)
        return self.ctx.run(lambda tx: booked.book(tx, wanted, key=None, config=self.config, pace=PACE, now=now))

    def booked(self, uid: str = USER, **fields: Any) -> str:
        """A booking by somebody with 1,000 INR."""
        self.person(uid)
        return str(self.book(uid, **fields)["id"])

    def cancel(self, session_id: str, uid: str, now: datetime, reason: str | None = None) -> Doc:
        return self.ctx.run(lambda tx: cancellation.cancel(tx, session_id, uid, reason=reason, pace=PACE, now=now))

    def tasks_until(self, now: datetime) -> None:
        """Each task of a session that is due by then, once, at its own time."""
        from konnect.sessions import tasks

        done: set[str] = set()
        while True:
            waiting = [
                task for task in kept_tasks(self.ctx).keyed("booked") if task.name not in done and task.at <= now
            ]
            if not waiting:
                return
            task = min(waiting, key=lambda one: one.at)
            done.add(task.name)
            tasks.progress(self.ctx, task.payload, task.at)

    def back_online(self, now: datetime = START) -> None:
        """The expert's portal is connected."""
        self.ctx.run(
            lambda tx: attendance.register_expert(tx, EXPERT, f"c-{EXPERT}", "i1", config=self.config, now=now)
        )

    def here(self, *uids: str, now: datetime) -> None:
        for uid in uids:
            self.come_back(uid, now)

    def gone(self, *uids: str, now: datetime) -> None:
        for uid in uids:
            self.leave(uid, now)

    def is_present(self, uid: str) -> bool:
        return self.ctx.run(lambda tx: presence.is_present(tx, uid))

    def taken(self, uid: str, now: datetime = START) -> list[str]:
        """What a person is booked for in the four days from `now` on."""
        found = self.ctx.run(lambda tx: calendar.overlapping(tx, uid, now, now + timedelta(days=4), now=now))
        return [one.id for one in found]

    def claims(self) -> list[str | None]:
        expert = self.ctx.db.get("claims", f"expert:{EXPERT}") or {}
        user = self.ctx.db.get("claims", f"user:{USER}") or {}
        return [*expert.get("sessions", []), user.get("session")]

    def check(self, session_id: str, *, kept: float, price: float = 300, uid: str = USER, rupees: int = 1000) -> None:
        """An ended session's money, to the paisa: in the wallets, on the session, in its terms, in everybody's history,
        by the ledger. In rupees; the fee is 20 %."""
        kept_paise, price_paise = round(kept * 100), round(price * 100)
        fee = percent_of(kept_paise, 20)
        session, terms = self.session(session_id), self.ctx.db.get("sessions", session_id, "private", "terms") or {}
        assert (session["heldPaise"], session["totalAmountPaise"]) == (0, price_paise)
        assert session["refundedAmountPaise"] == session["releasedPaise"] == price_paise - kept_paise
        assert (terms["earningPaise"], terms["platformFeePaise"]) == (kept_paise - fee, fee)
        assert wallet_of(self.ctx, uid)["balancePaise"] == rupees * 100 - kept_paise
        assert wallet_of(self.ctx, uid)["depositedPaise"] == rupees * 100 - kept_paise
        assert wallet_of(self.ctx, EXPERT)["balancePaise"] == kept_paise - fee
        shown = {
            kind: self.ctx.db.get("transactions", f"{session_id}-{kind}") for kind in ("payment", "refund", "earning")
        }
        amounts = {kind: doc["amountPaise"] if doc else None for kind, doc in shown.items()}
        assert amounts == {
            "payment": price_paise,
            "refund": price_paise - kept_paise or None,
            "earning": kept_paise - fee if kept_paise else None,
        }
        assert session_id not in self.taken(uid, session["scheduledAt"]) + self.taken(EXPERT, session["scheduledAt"])
        assert session_id not in self.claims()
        assert kept_tasks(self.ctx).keyed("advance", EXPERT, session_id)
        self.check_books()

    def check_books(self) -> None:
        assert reconcile(self.ctx).differences == []
        assert sum_of_all_legs(self.ctx) == 0

    def kinds(self) -> list[str]:
        """The kinds of movements of sessions, in order of name."""
        return sorted(movement["kind"] for movement in movements(self.ctx) if movement["kind"].startswith("session"))


def sweep(stage: Bookings, now: Any) -> dict[str, int]:
    presence.renew(stage.ctx.db, "i1", now=now)
    return sweeps.sweep(stage.ctx, {}, now, clock=lambda: now)


def running(stage: Bookings, **fields: Any) -> str:
    """A booked session that has started on time."""
    session_id = stage.booked(**fields)
    stage.here(USER, EXPERT, now=stage.slot(-1))
    stage.progress(session_id, SLOT)
    assert stage.session(session_id)["status"] == "in_progress"
    return session_id


def told(stage: Bookings, type: str) -> set[str]:
    found = Query(("notifications",)).filter("type", "==", type).run(stage.ctx.db)
    return {one["userId"] for one in found}

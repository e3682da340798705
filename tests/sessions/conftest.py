"""An expert online, users with money, and a session driven by hand."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from konnect import ids
from konnect.context import Context
from konnect.experts import applications
from konnect.experts import service as experts
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.sessions import attendance, offers, queue, requests, service, tasks
from konnect.sessions.metering import Pace
from konnect.store import Doc
from tests.support import START, give

PACE = Pace(60, 30, 60)
CONFIG = PlatformConfig()
EXPERT = "expert"


@dataclass
class Stage:
    """One expert at 10 INR a minute, and the calls that tests make, at minutes and seconds after START."""

    ctx: Context
    config: PlatformConfig = CONFIG

    def at(self, minutes: float = 0, seconds: float = 0) -> datetime:
        return START + timedelta(minutes=minutes, seconds=seconds)

    def expert_online(self, expert_id: str = EXPERT, price_paise: int = 1000) -> None:
        def work(tx: object) -> None:
            form = {"name": "Asha", "pricePerMinPaise": price_paise}
            experts.register(tx, expert_id, "asha@konnect.test", form, self.config, now=START)
            applications.move(tx, expert_id, "approved", by="admin", now=START)
            attendance.register_expert(tx, expert_id, f"c-{expert_id}", "i1", config=self.config, now=START)

        self.ctx.run(work)

    def user(self, uid: str, rupees: int) -> None:
        if rupees:
            give(self.ctx, uid, rupees * 100)
        self.ctx.run(lambda tx: presence.connect(tx, uid, f"c-{uid}", "i1", now=START))

    def request(self, uid: str, *, expert_id: str = EXPERT, now: datetime = START) -> requests.Requested:
        session_id = ids.new()
        return self.ctx.run(
            lambda tx: requests.request(
                tx,
                uid=uid,
                name=uid.title(),
                expert_id=expert_id,
                type="chat",
                session_id=session_id,
                config=self.config,
                pace=PACE,
                now=now,
            )
        )

    def started(self, uid: str, rupees: int) -> str:
        self.user(uid, rupees)
        session = self.request(uid).session
        assert session is not None
        return str(session["id"])

    def offered(self, uid: str, rupees: int, *, now: datetime = START) -> str:
        """A request that the expert has to accept; the session's id."""
        self.user(uid, rupees)
        offer = self.request(uid, now=now).offer
        assert offer is not None
        return str(offer["id"])

    def prefer(self, *, expert_id: str = EXPERT, now: datetime = START, **settings: bool) -> None:
        self.ctx.run(lambda tx: attendance.set_preferences(tx, expert_id, settings, now=now))

    def accept(self, session_id: str, now: datetime, *, by: str = EXPERT) -> Doc:
        return self.ctx.run(lambda tx: offers.accept(tx, session_id, by=by, pace=PACE, now=now))

    def decline(self, session_id: str, now: datetime, *, by: str = EXPERT, note: str | None = None) -> Doc:
        return self.ctx.run(lambda tx: offers.decline(tx, session_id, by=by, note=note, now=now))

    def time_out(self, session_id: str, now: datetime) -> None:
        self.ctx.run(lambda tx: offers.time_out(tx, session_id, now=now))

    def leave_queue(self, uid: str, now: datetime, *, expert_id: str = EXPERT) -> bool:
        return self.ctx.run(lambda tx: queue.leave(tx, expert_id, uid, now=now))

    def advance(self, now: datetime) -> None:
        """The task comes that looks after the expert's queue."""
        tasks.advance(self.ctx, {"expertId": EXPERT, "tell": True}, now)

    def start_next(self, now: datetime) -> bool:
        return self.ctx.run(lambda tx: queue.start_next(tx, EXPERT, config=self.config, pace=PACE, now=now))

    def waiting(self) -> list[str]:
        return [entry["id"] for entry in queue.waiting(self.ctx.db, EXPERT)]

    def expert(self) -> Doc:
        return self.ctx.db.get("experts", EXPERT) or {}

    def register(self, uid: str, now: datetime) -> None:
        """An expert's portal connects."""
        self.ctx.run(lambda tx: attendance.register_expert(tx, uid, f"c-{uid}", "i1", config=self.config, now=now))

    def progress(self, session_id: str, now: datetime, minute: int | None = None) -> None:
        due = None if minute is None else self.at(minute)
        self.ctx.run(lambda tx: service.progress(tx, session_id, pace=PACE, now=now, due=due))

    def run_until(self, session_id: str, now: datetime) -> None:
        """Every tick up to `now`, on time."""
        session = self.session(session_id)
        while session["status"] == "in_progress":
            due = session["startedAt"] + timedelta(seconds=60 * session["nextMinute"])
            if due > now:
                break
            self.progress(session_id, due, session["nextMinute"])
            session = self.session(session_id)

    def leave(self, uid: str, now: datetime) -> None:
        self.ctx.run(lambda tx: attendance.disconnected(tx, uid, [f"c-{uid}"], config=self.config, pace=PACE, now=now))

    def come_back(self, uid: str, now: datetime) -> None:
        self.ctx.run(lambda tx: attendance.connected(tx, uid, f"c-{uid}", "i1", pace=PACE, now=now))

    def end(self, session_id: str, by: str, now: datetime) -> Doc:
        return self.ctx.run(lambda tx: service.end(tx, session_id, by=by, pace=PACE, now=now))

    def session(self, session_id: str) -> Doc:
        session = self.ctx.db.get("sessions", session_id)
        assert session is not None
        return session


@pytest.fixture
def stage(ctx: Context) -> Stage:
    stage = Stage(ctx)
    stage.expert_online()
    return stage

"""A class by EXPERT two days after START, driven by hand at minutes after its time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from konnect import ids
from konnect.calendar import service as calendar
from konnect.context import Context
from konnect.learning import enrollments
from konnect.live import attendance, course, repository, room, schedule, service, tasks
from konnect.sessions import attendance as presence_of
from konnect.store import Doc, Query
from tests.sessions.bookings import SLOT, Bookings
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, kept_events, kept_tasks

COURSE = "sharding"
HANDLERS = {
    schedule.PROGRESS: tasks.progress,
    schedule.TELL: tasks.tell,
    schedule.CLOSE: tasks.close,
    "/live/expel": tasks.expel,
}


@dataclass
class Hall(Bookings):
    """Nobody is connected unless a test says so."""

    def wish(self, **fields: Any) -> service.Wanted:
        given: dict[str, Any] = {
            "uid": EXPERT,
            "title": "Recursion, live",
            "description": "",
            "category": "Programming",
            "scheduled_at": SLOT,
            "duration_mins": 60,
            "max_participants": 3,
            "course_id": None,
            "session_id": ids.new(),
            "room": room.name(),
        }
        return service.Wanted(**{**given, **fields})

    def plan(self, *, now: datetime = START, **fields: Any) -> str:
        wanted = self.wish(**fields)
        made = self.ctx.run(lambda tx: service.create(tx, wanted, config=self.config, pace=PACE, now=now))
        return str(made["id"])

    def put(
        self, session_id: str, *, now: datetime = START, by: str = EXPERT, admin: bool = False, **given: Any
    ) -> Doc:
        return self.ctx.run(
            lambda tx: service.change(tx, session_id, by, given, is_admin=admin, config=self.config, pace=PACE, now=now)
        )

    def call_off(self, session_id: str, *, now: datetime = START, by: str = EXPERT, admin: bool = False) -> Doc:
        return self.ctx.run(
            lambda tx: service.cancel(tx, session_id, by, is_admin=admin, reason="ill", pace=PACE, now=now)
        )

    def join(self, session_id: str, uid: str, now: datetime, line: str | None = None) -> attendance.Joined:
        return self.ctx.run(
            lambda tx: attendance.join(tx, session_id, uid, connection_id=line, config=self.config, pace=PACE, now=now)
        )

    def part(self, session_id: str, uid: str, now: datetime) -> Doc:
        return self.ctx.run(lambda tx: attendance.leave(tx, session_id, uid, pace=PACE, now=now))

    def line(self, uid: str, name: str, now: datetime) -> str:
        """A socket of somebody, which comes."""
        self.ctx.run(lambda tx: presence_of.connected(tx, uid, name, "i1", pace=PACE, now=now))
        return name

    def line_gone(self, uid: str, name: str, now: datetime) -> None:
        self.ctx.run(lambda tx: presence_of.disconnected(tx, uid, [name], config=self.config, pace=PACE, now=now))

    def opened(self, **fields: Any) -> str:
        """One that its host has opened on time, by a page alone."""
        session_id = self.plan(**fields)
        assert self.join(session_id, EXPERT, SLOT).state == "open"
        return session_id

    def look(self, session_id: str, now: datetime) -> None:
        self.ctx.run(lambda tx: course.progress(tx, session_id, pace=PACE, now=now))

    def run_tasks(self, now: datetime, *, at: datetime | None = None) -> None:
        """Each task of classes that is due by then, once, at its own time; those for at once at `at`."""
        done: set[str] = set()
        while waiting := [
            task
            for task in kept_tasks(self.ctx).by_name.values()
            if task.path in HANDLERS and task.name not in done and (task.at or START) <= now
        ]:
            task = min(waiting, key=lambda one: one.at or START)
            done.add(task.name)
            HANDLERS[task.path](self.ctx, task.payload, task.at or at or now)

    def class_(self, session_id: str) -> Doc:
        found = self.ctx.db.get(*repository.path(session_id))
        assert found is not None
        return found

    def place(self, session_id: str, uid: str) -> Doc | None:
        return self.ctx.db.get(*repository.participant_path(session_id, uid))

    def taught(self, *students: str) -> str:
        """A course of EXPERT's with these students."""
        doc = {"status": "published", "title": "Sharding", "instructor": {"uid": EXPERT}, "pricePaise": 0}
        self.ctx.db.set(("courses", COURSE), doc)
        for uid in students:
            self.person(uid, 0)
            grant = partial(enrollments.grant, course={**doc, "id": COURSE}, uid=uid, source="free", now=START)
            self.ctx.run(grant)
        return COURSE

    def told(self, type: str) -> list[tuple[str, str]]:
        """To whom, and its title."""
        found = Query(("notifications",)).filter("type", "==", type).run(self.ctx.db)
        return sorted((one["userId"], one["title"]) for one in found)

    def heard(self, event: str, session_id: str) -> list[Any]:
        return kept_events(self.ctx).named(event, f"live:{session_id}")

    def reserved(self) -> list[tuple[datetime, datetime]]:
        found = self.ctx.run(lambda tx: calendar.overlapping(tx, EXPERT, START, START + timedelta(days=9), now=START))
        return [(one.begins, one.ends) for one in found]


@pytest.fixture
def hall(ctx: Context) -> Hall:
    hall = Hall(ctx)
    hall.expert_online()
    hall.gone(EXPERT, now=START)
    hall.person(EXPERT, 0)
    return hall

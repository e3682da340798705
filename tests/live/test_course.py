"""A live class from its plan to its end, and who was there."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from konnect import ids
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.consults import service as consults
from konnect.errors import BadRequest, Conflict, Forbidden, KonnectError, NotFound, Unavailable
from konnect.learning import enrollments
from konnect.live import policy, repository, service
from konnect.live.endpoints import participant_view
from konnect.presence import service as presence
from konnect.realtime import LEAVE
from tests.live.conftest import COURSE, Hall
from tests.sessions.bookings import SLOT, USER
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, at_once, kept_events, kept_tasks

DAY = timedelta(days=1)


def code(error: "pytest.ExceptionInfo[KonnectError]") -> str:
    return error.value.code


class TestPlan:
    def test_it_takes_the_hosts_time(self, hall: Hall) -> None:
        session_id = hall.plan()
        found = hall.class_(session_id)
        assert (found["status"], found["isOpen"], found["participantCount"]) == ("scheduled", True, 0)
        assert found["host"] == {"id": EXPERT, "uid": EXPERT, "name": "Asha", "imageUrl": None}
        assert found["remindersAt"] == [SLOT - DAY, hall.slot(-15)]
        assert found["nextActionAt"] == SLOT - DAY
        assert hall.reserved() == [(SLOT, hall.slot(65))]
        [task] = kept_tasks(hall.ctx).keyed("live", session_id)
        assert task.at == SLOT - DAY

    def test_what_is_refused(self, hall: Hall) -> None:
        hall.plan()
        refusals: list[tuple[dict[str, Any], type[KonnectError], str]] = [
            ({"scheduled_at": START - timedelta(seconds=1)}, BadRequest, "INVALID_INPUT"),
            ({"scheduled_at": START + 91 * DAY}, BadRequest, "INVALID_INPUT"),
            ({"course_id": "nothing"}, NotFound, "COURSE_NOT_FOUND"),
            ({"uid": USER}, Forbidden, "EDUCATOR_REQUIRED"),
            ({"scheduled_at": SLOT + timedelta(minutes=64)}, Conflict, "SLOT_TAKEN"),
            ({"scheduled_at": SLOT - timedelta(minutes=64)}, Conflict, "SLOT_TAKEN"),
        ]
        for fields, error, expected in refusals:
            with pytest.raises(error) as refused:
                hall.plan(**fields)
            assert code(refused) == expected
        assert hall.reserved() == [(SLOT, hall.slot(65))]

    def test_only_approved_educators_and_their_own_courses(self, hall: Hall) -> None:
        hall.taught()
        hall.ctx.db.set(("courses", COURSE), {"instructor": {"uid": "ravi"}}, merge=True)
        with pytest.raises(Forbidden) as refused:
            hall.plan(course_id=COURSE)
        assert code(refused) == "NOT_YOUR_COURSE"
        hall.ctx.db.set(("experts", EXPERT), {"mentorStatus": "applied"}, merge=True)
        with pytest.raises(Forbidden) as refused:
            hall.plan()
        assert code(refused) == "EDUCATOR_NOT_APPROVED"
        hall.ctx.db.set(("users", EXPERT), {"disabled": True})
        hall.ctx.db.set(("experts", EXPERT), {"mentorStatus": "approved"}, merge=True)
        with pytest.raises(Forbidden) as refused:
            hall.plan()
        assert code(refused) == "ACCOUNT_DISABLED"

    def test_nothing_else_runs_into_it(self, hall: Hall) -> None:
        """No booked session, no consult; and a session by the minute ends before."""
        hall.plan()
        hall.person(USER, 9000)
        with pytest.raises(Conflict) as refused:
            hall.book(scheduled_at=hall.slot(30))
        assert code(refused) == "SLOT_TAKEN"
        hall.back_online(hall.slot(-30))
        wanted = consults.Wanted(USER, EXPERT, "chat", 60, None, ids.new())
        soon = hall.slot(-30)
        with pytest.raises(Conflict) as refused:
            hall.ctx.run(lambda tx: consults.start(tx, wanted, key=None, config=hall.config, pace=PACE, now=soon))
        assert code(refused) == "BOOKED_SOON"
        hall.here(USER, now=soon)
        begun = hall.request(USER, now=soon).session
        assert begun is not None
        # With the buffer of five minutes before the class.
        assert begun["maxMinutes"] == 25
        with pytest.raises(Conflict) as refused:
            hall.plan(now=soon, scheduled_at=hall.slot(-10), duration_mins=15)
        assert code(refused) == "EXPERT_BUSY"

    def test_students_of_its_course_are_told(self, hall: Hall) -> None:
        session_id = hall.plan(course_id=hall.taught("meera", "ravi"))
        hall.run_tasks(START)
        assert hall.told("live_scheduled") == [(uid, "A live class is planned") for uid in ("meera", "ravi")]
        moved = hall.put(session_id, scheduledAt=SLOT + DAY)
        assert (moved["endsAt"], hall.reserved()) == (SLOT + DAY + timedelta(hours=1), [(SLOT + DAY, hall.slot(1505))])
        hall.run_tasks(START)
        assert len(hall.told("live_scheduled")) == 4
        hall.call_off(session_id)
        hall.run_tasks(START)
        assert hall.told("live_cancelled") == [(uid, "A live class is cancelled") for uid in ("meera", "ravi")]
        with pytest.raises(Forbidden) as refused:
            hall.join(hall.plan(course_id=COURSE), "eve", START)
        assert code(refused) == "NOT_ENROLLED"


class TestPlaces:
    def test_kept_given_back_and_full(self, hall: Hall) -> None:
        session_id = hall.plan()
        for uid in ("a", "b", "c"):
            joined = hall.join(session_id, uid, START)
            assert (joined.state, joined.is_host, joined.opens_at) == ("registered", False, SLOT)
        assert hall.join(session_id, "a", START).session["participantCount"] == 3
        with pytest.raises(Conflict) as refused:
            hall.join(session_id, "d", START)
        assert code(refused) == "SESSION_FULL"
        assert hall.part(session_id, "b", START)["participantCount"] == 2
        with pytest.raises(Forbidden):
            hall.part(session_id, "b", START)
        hall.join(session_id, "d", START)
        assert hall.class_(session_id)["participantCount"] == 3
        with pytest.raises(BadRequest) as too_few:
            hall.put(session_id, maxParticipants=2)
        assert code(too_few) == "INVALID_INPUT"
        # A place is kept by who goes during the class.
        hall.join(session_id, EXPERT, SLOT)
        hall.join(session_id, "a", SLOT)
        assert hall.part(session_id, "a", hall.slot(1))["participantCount"] == 3

    def test_twenty_at_once_for_five(self, hall: Hall) -> None:
        session_id = hall.plan(max_participants=5)

        def until_answered(index: int) -> str:
            for _ in range(50):
                try:
                    return hall.join(session_id, f"u{index}", START).state
                except Unavailable:
                    continue
                except Conflict as error:
                    return error.code
            raise TimeoutError

        answers = at_once(20, until_answered)
        assert sorted(map(str, answers)) == ["SESSION_FULL"] * 15 + ["registered"] * 5
        assert hall.class_(session_id)["participantCount"] == 5
        assert len(repository.participants(hall.ctx.db, session_id, limit=50, cursor=None).items) == 5

    def test_given_back_on_all_devices(self, hall: Hall) -> None:
        """What is said there is for who has a place."""
        session_id = hall.plan()
        hall.join(session_id, "a", START, hall.line("a", "la", START))
        hall.part(session_id, "a", START)
        assert kept_events(hall.ctx).named(LEAVE, "user:a") == [ANY]
        assert hall.ctx.run(lambda tx: presence.is_in(tx, "a", repository.room(session_id))) is False

    def test_an_enrolment_that_is_taken_back(self, hall: Hall) -> None:
        planned = hall.plan(course_id=hall.taught("meera", "ravi"))
        running = hall.plan(course_id=COURSE, scheduled_at=SLOT + DAY)
        hall.join(planned, "meera", START)
        hall.join(running, EXPERT, SLOT + DAY)
        for uid in ("meera", "ravi"):
            hall.join(running, uid, SLOT + DAY)
        soon = SLOT + DAY + timedelta(minutes=3)
        hall.ctx.run(lambda tx: enrollments.revoke(tx, COURSE, "meera", reason="refunded", now=soon))
        hall.run_tasks(soon)
        assert hall.class_(running)["participantCount"] == 2
        assert (hall.place(running, "meera") or {})["present"] is False
        assert (hall.place(running, "ravi") or {})["present"] is True
        assert len(kept_events(hall.ctx).named(LEAVE, "user:meera")) == 2
        with pytest.raises(Forbidden) as refused:
            hall.join(running, "meera", soon)
        assert code(refused) == "NOT_ENROLLED"

    def test_reminders_to_who_has_a_place(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.person("a", 0)
        hall.join(session_id, "a", START)
        hall.run_tasks(SLOT - DAY)
        both = {"a", EXPERT}
        assert {uid for uid, _ in hall.told("live_reminder")} == both
        hall.run_tasks(hall.slot(-15))
        assert [title for _, title in hall.told("live_reminder")] == [
            "A reminder of your live class",
            "Your live class begins soon",
        ] * 2
        # A task of before the move finds nothing due.
        hall.put(session_id, now=hall.slot(-14), scheduledAt=SLOT + 3 * DAY)
        hall.run_tasks(hall.slot(20))
        assert hall.class_(session_id)["status"] == "scheduled"
        assert len(hall.told("live_reminder")) == 4
        assert hall.told("live_scheduled") == [("a", "A live class was moved")]
        assert (hall.place(session_id, "a") or {})["sessionAt"] == SLOT + 3 * DAY


class TestCourse:
    def test_opened_by_its_host(self, hall: Hall) -> None:
        session_id = hall.plan()
        waiting = hall.join(session_id, EXPERT, hall.slot(-11))
        assert (waiting.state, waiting.opens_at) == ("registered", hall.slot(-10))
        hall.join(session_id, "a", hall.slot(-11))
        with pytest.raises(Conflict) as early:
            hall.put(session_id, now=hall.slot(-11), status="live")
        assert code(early) == "SESSION_NOT_OPEN"
        opened = hall.join(session_id, EXPERT, hall.slot(-10))
        assert (opened.state, opened.session["status"], opened.session["startedAt"]) == ("open", "live", hall.slot(-10))
        # From now on the others come too, before its time.
        assert hall.join(session_id, "a", hall.slot(-9)).state == "open"
        assert hall.claims() == [session_id, None]
        assert (hall.ctx.db.get("claims", f"user:{EXPERT}") or {})["session"] == session_id
        statuses = [told["session"]["status"] for told in hall.heard("session_update", session_id)]
        assert statuses == ["scheduled", "live"]
        assert [told["userId"] for told in hall.heard("participant_joined", session_id)] == [EXPERT, "a"]

    def test_one_claim_for_everything(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.person(USER, 9000)
        hall.back_online(hall.slot(-30))
        hall.here(USER, now=hall.slot(-30))
        running = hall.request(USER, now=hall.slot(-30)).session
        assert running is not None
        with pytest.raises(Conflict) as refused:
            hall.join(session_id, EXPERT, hall.slot(-8))
        assert code(refused) == "EXPERT_BUSY"
        assert hall.class_(session_id)["status"] == "scheduled"
        hall.end(running["id"], USER, hall.slot(-6))
        assert hall.join(session_id, EXPERT, hall.slot(-5)).state == "open"
        # Nobody is started meanwhile: they wait in the queue, which moves on with the end.
        assert hall.request(USER, now=hall.slot(-4)).waiting
        hall.put(session_id, now=hall.slot(20), status="ended")
        assert kept_tasks(hall.ctx).keyed("advance", EXPERT, session_id)
        assert hall.claims() == [None]
        assert hall.reserved() == []

    def test_not_into_what_is_booked_before(self, hall: Hall) -> None:
        """A booking claims nobody; it is in the calendar."""
        session_id = hall.plan()
        booking = Reservation("b1", hall.slot(-8), hall.slot(-3), "booking")
        hall.ctx.run(lambda tx: calendar.reserve(tx, (EXPERT,), booking, now=START))
        for minute in (-10, -4):
            with pytest.raises(Conflict) as refused:
                hall.join(session_id, EXPERT, hall.slot(minute))
            assert code(refused) == "EXPERT_BUSY"
        assert hall.join(session_id, EXPERT, hall.slot(-3)).state == "open"

    def test_ended_by_its_host_and_who_was_there(self, hall: Hall) -> None:
        session_id = hall.opened()
        a, b = hall.line("a", "la", SLOT), hall.line("b", "lb", SLOT)
        for uid, line in (("a", a), ("b", b)):
            hall.join(session_id, uid, hall.slot(1), line)
        hall.join(session_id, "c", hall.slot(2))
        hall.line_gone("a", a, hall.slot(5))
        assert [told["userId"] for told in hall.heard("participant_left", session_id)] == ["a"]
        hall.join(session_id, "a", hall.slot(8), hall.line("a", "la2", hall.slot(8)))
        # One line of two is still a line.
        hall.join(session_id, "b", hall.slot(8), hall.line("b", "lb2", hall.slot(8)))
        hall.line_gone("b", "lb", hall.slot(9))
        hall.part(session_id, "b", hall.slot(11))
        ended = hall.put(session_id, now=hall.slot(20), status="ended")
        assert (ended["status"], ended["endReason"], ended["endedAt"]) == ("ended", "host-ended", hall.slot(20))
        assert hall.put(session_id, now=hall.slot(21), status="ended")["endedAt"] == hall.slot(20)
        hall.run_tasks(hall.slot(21), at=hall.slot(21))
        assert hall.class_(session_id)["attendedCount"] == 3
        assert hall.class_(session_id)["nextActionAt"] is None
        stays = {}
        for uid in ("a", "b", "c"):
            place = hall.place(session_id, uid) or {}
            assert place["present"] is False
            stays[uid] = [
                one["seconds"] // 60 for one in policy.attended(place["intervals"], hall.slot(20), START, PACE)
            ]
        assert stays == {"a": [4, 12], "b": [10], "c": [18]}
        # A line that goes afterwards changes nothing, and nobody comes any more.
        hall.line_gone("a", "la2", hall.slot(30))
        joined = hall.join(session_id, "a", hall.slot(30))
        assert joined.session["status"] == "ended"
        assert (hall.place(session_id, "a") or {})["lastSeenAt"] == hall.slot(20)

    def test_by_its_length_and_overtime(self, hall: Hall) -> None:
        session_id = hall.opened()
        hall.look(session_id, hall.slot(64))
        assert hall.class_(session_id)["status"] == "live"
        hall.run_tasks(hall.slot(70))
        found = hall.class_(session_id)
        assert (found["status"], found["endReason"], found["endedAt"]) == ("ended", "time-over", hall.slot(65))

    def test_made_longer_while_it_goes_on(self, hall: Hall) -> None:
        session_id = hall.opened()
        longer = hall.put(session_id, now=hall.slot(50), durationMins=90)
        assert (longer["endsAt"], hall.reserved()) == (hall.slot(90), [(SLOT, hall.slot(95))])
        for changes, error, expected in (
            ({"durationMins": 45}, BadRequest, "INVALID_INPUT"),
            ({"scheduledAt": SLOT + DAY}, Conflict, "SESSION_RUNNING"),
        ):
            with pytest.raises(error) as refused:
                hall.put(session_id, now=hall.slot(50), **changes)
            assert code(refused) == expected

    def test_the_hosts_absence(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.join(session_id, EXPERT, SLOT, hall.line(EXPERT, "l1", SLOT))
        hall.line_gone(EXPERT, "l1", hall.slot(10))
        found = hall.class_(session_id)
        assert (found["hostPresent"], found["nextActionAt"]) == (False, hall.slot(15))
        hall.join(session_id, EXPERT, hall.slot(14), hall.line(EXPERT, "l2", hall.slot(14)))
        assert hall.class_(session_id)["hostAbsentSince"] is None
        hall.run_tasks(hall.slot(16))
        assert hall.class_(session_id)["status"] == "live"
        hall.line_gone(EXPERT, "l2", hall.slot(30))
        hall.run_tasks(hall.slot(36))
        found = hall.class_(session_id)
        assert (found["status"], found["endReason"], found["endedAt"]) == ("ended", "host-absent", hall.slot(35))

    def test_a_host_who_opens_it_and_never_joins(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.put(session_id, now=SLOT, status="live")
        hall.part(session_id, EXPERT, hall.slot(1))
        assert hall.class_(session_id)["nextActionAt"] == hall.slot(6)

    def test_a_line_that_is_gone_opens_nothing(self, hall: Hall) -> None:
        """Else nobody would ever see it go, and its host would be claimed until the end."""
        session_id = hall.plan()
        for uid in (EXPERT, "a"):
            with pytest.raises(Unavailable):
                hall.join(session_id, uid, SLOT, "gone")
        assert hall.class_(session_id)["status"] == "scheduled"
        assert (hall.claims(), hall.place(session_id, "a")) == ([None], None)

    def test_moved_while_they_waited(self, hall: Hall) -> None:
        """Who came for its first time was not there at the second."""
        session_id = hall.plan()
        for uid in ("a", "b"):
            hall.person(uid, 0)
            hall.join(session_id, uid, SLOT)
        hall.put(session_id, now=hall.slot(5), scheduledAt=SLOT + DAY)
        hall.run_tasks(hall.slot(6), at=hall.slot(6))
        assert (hall.place(session_id, "a") or {})["present"] is False
        hall.join(session_id, EXPERT, SLOT + DAY)
        hall.join(session_id, "b", SLOT + DAY)
        ended_at = SLOT + DAY + timedelta(minutes=20)
        hall.put(session_id, now=ended_at, status="ended")
        hall.run_tasks(ended_at, at=ended_at)
        assert hall.class_(session_id)["attendedCount"] == 1
        assert [len((hall.place(session_id, uid) or {})["intervals"]) for uid in ("a", "b")] == [0, 1]

    def test_moved_to_and_fro(self, hall: Hall) -> None:
        """Each time is told, also one that was told before."""
        session_id = hall.plan(course_id=hall.taught("meera"))
        hall.run_tasks(START)
        for at in (SLOT + DAY, SLOT, SLOT + DAY):
            hall.put(session_id, scheduledAt=at)
            hall.run_tasks(START)
        titles = [title for _, title in hall.told("live_scheduled")]
        assert titles == ["A live class is planned", *["A live class was moved"] * 3]

    def test_a_host_who_does_not_come(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.person("a", 0)
        # From its time on the others are let in, and wait.
        assert hall.join(session_id, "a", SLOT).state == "open"
        hall.run_tasks(hall.slot(16), at=hall.slot(16))
        found = hall.class_(session_id)
        assert (found["status"], found["endReason"]) == ("cancelled", "host-no-show")
        assert hall.reserved() == []
        assert {uid for uid, _ in hall.told("live_cancelled")} == {"a", EXPERT}
        # Nobody is there any more.
        shown = participant_view(hall.place(session_id, "a") or {}, found, PACE, hall.slot(600))
        assert (shown["present"], shown["seconds"]) == (False, 15 * 60)
        # Whoever comes before the timer finds it so too.
        late = hall.plan(scheduled_at=hall.slot(60), now=hall.slot(20))
        assert hall.join(late, EXPERT, hall.slot(76)).session["status"] == "cancelled"

    def test_called_off(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.person("a", 0)
        hall.join(session_id, "a", START)
        for by, admin in (("eve", False), ("a", False)):
            with pytest.raises(Forbidden) as refused:
                hall.call_off(session_id, by=by, admin=admin)
            assert code(refused) == "NOT_THE_HOST"
        called_off = hall.call_off(session_id)
        assert (called_off["status"], called_off["cancellationReason"]) == ("cancelled", "ill")
        assert hall.call_off(session_id)["updatedAt"] == called_off["updatedAt"]
        hall.run_tasks(START)
        assert hall.told("live_cancelled") == [("a", "A live class is cancelled")]
        assert hall.reserved() == []
        assert kept_tasks(hall.ctx).keyed("advance", EXPERT, session_id)
        assert service.is_refused(hall.put(session_id, title="Other"), {"title": "Other"})
        with pytest.raises(Conflict) as running:
            hall.call_off(hall.opened(), now=SLOT)
        assert code(running) == "SESSION_RUNNING"

    def test_a_recording_afterwards(self, hall: Hall) -> None:
        session_id = hall.opened()
        hall.put(session_id, now=hall.slot(20), status="ended")
        seen = hall.put(session_id, now=hall.slot(90), recordingUrl="https://video.test/1", title="Recursion")
        assert (seen["recordingUrl"], seen["title"]) == ("https://video.test/1", "Recursion")
        assert service.is_refused(hall.put(session_id, durationMins=90), {"durationMins": 90})
        assert hall.class_(session_id)["durationMins"] == 60

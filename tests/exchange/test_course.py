"""An exchange from its request to its feedback, on a project of its own."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest

from konnect.errors import BadRequest, Conflict, Forbidden, KonnectError, NotFound
from konnect.exchange import deletion, meetings, policy, service, sweeps, tasks
from konnect.http.triggers import Change
from konnect.messaging import membership
from konnect.messaging import service as messaging
from konnect.messaging.limit import SendingLimit
from konnect.messaging.triggers import on_exchange_written
from konnect.store import Query
from tests.support import START, at_once, kept_events, kept_tasks

from .conftest import ASHA, EVE, RAVI, Square, at


def refused(error: type[KonnectError], code: str | None, work: Any) -> None:
    with pytest.raises(error) as raised:
        work()
    assert code is None or raised.value.code == code


def written(square: Square, exchange_id: str) -> Change:
    params, now_so = {"exchangeId": exchange_id}, square.exchange(exchange_id)
    return Change("e", f"exchanges/{exchange_id}", params, None, now_so, START)


class TestAsking:
    def test_a_request(self, square: Square) -> None:
        exchange_id = square.ask()
        made = square.exchange(exchange_id)
        assert (made["status"], made["participants"], made["requesterName"]) == ("pending", [ASHA, RAVI], "Asha")
        assert (made["offeredKey"], made["requestedKey"]) == ("python", "guitar")
        assert square.told(RAVI) == ["exchange_requested"]
        [task] = kept_tasks(square.ctx).keyed("exchange", exchange_id)
        assert task.at == made["expiresAt"] == at(days=policy.PENDING_DAYS)
        # The same again, however it is written.
        assert square.ask(offered_skill="PYTHON") == exchange_id
        assert len(Query(("exchanges",)).run(square.ctx.db)) == 1
        # Once it is over, it can be asked again.
        square.reject(exchange_id)
        assert square.ask() != exchange_id

    def test_twenty_at_once_are_one(self, square: Square) -> None:
        at_once(20, lambda _: square.ask())
        [made] = Query(("exchanges",)).run(square.ctx.db)
        assert square.ask() == made["id"]
        assert square.told(RAVI) == ["exchange_requested"]

    def test_what_is_refused(self, square: Square) -> None:
        refused(BadRequest, None, lambda: square.ask(ASHA))
        refused(BadRequest, None, lambda: square.ask(requested_skill="python"))
        refused(NotFound, "USER_NOT_FOUND", lambda: square.ask("nobody"))
        square.member("gone", ["Guitar"], [], status="banned")
        refused(NotFound, "USER_NOT_FOUND", lambda: square.ask("gone"))
        square.ctx.db.set(("users", RAVI), {"name": "Ravi", "disabled": True})
        refused(NotFound, "USER_NOT_FOUND", square.ask)
        for number in range(policy.WAITING_MAX):
            square.ask(None, requested_skill=f"Skill {number}")
        refused(Conflict, "EXCHANGE_LIMIT", lambda: square.ask(None))

    def test_nobody_is_asked_over_and_over(self, square: Square) -> None:
        for number in range(policy.ASKED_A_DAY):
            square.cancel(square.ask(offered_skill=f"Skill {number}"))
        refused(Conflict, "EXCHANGE_LIMIT", square.ask)
        square.ask(EVE)
        square.ask(None)
        square.ask(now=at(days=1, seconds=1))


class TestAnswering:
    def test_accepted(self, square: Square) -> None:
        exchange_id = square.ask()
        for by, error, code in ((EVE, Forbidden, "NOT_A_PARTICIPANT"), (ASHA, Conflict, "OWN_EXCHANGE")):
            refused(error, code, partial(square.accept, exchange_id, by))
        taken = square.accept(exchange_id)
        assert (taken["status"], taken["providerId"], taken["acceptedAt"]) == ("accepted", RAVI, START)
        assert square.accept(exchange_id)["status"] == "accepted"
        assert square.told(ASHA) == ["exchange_accepted"]
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.reject(exchange_id))
        told = kept_events(square.ctx).named("exchange_updated")
        assert told[-1] == {**told[-1], "exchangeId": exchange_id, "status": "accepted"}

    def test_rejected(self, square: Square) -> None:
        exchange_id = square.ask()
        refused(Conflict, "OWN_EXCHANGE", lambda: square.reject(exchange_id, ASHA))
        refused(Conflict, "EXCHANGE_PENDING", lambda: square.cancel(exchange_id, RAVI))
        over = square.reject(exchange_id, note="No time")
        assert (over["status"], over["note"], over["expiresAt"]) == ("rejected", "No time", None)
        assert square.reject(exchange_id)["status"] == "rejected"
        assert square.told(ASHA) == ["exchange_rejected"]
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.accept(exchange_id))
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.cancel(exchange_id))

    def test_an_open_offer_goes_to_the_first_of_twenty(self, square: Square) -> None:
        exchange_id = square.ask(None)
        made = square.exchange(exchange_id)
        assert (made["status"], made["participants"]) == ("open", [ASHA])
        people = [f"p{number}" for number in range(20)]
        for uid in people:
            square.member(uid, ["Guitar"], ["Python"])
        results = at_once(20, lambda number: square.accept(exchange_id, people[number]))
        codes = {one.code for one in results if isinstance(one, KonnectError)}
        assert codes <= {"EXCHANGE_TAKEN", "UNAVAILABLE"}
        if square.exchange(exchange_id)["status"] == "open":
            square.accept(exchange_id, people[0])
        after = square.exchange(exchange_id)
        first = after["providerId"]
        assert (after["status"], after["participants"]) == ("accepted", [ASHA, first])
        assert sum(not isinstance(one, Exception) for one in results) <= 1
        second = next(one for one in people if one != first)
        refused(Conflict, "EXCHANGE_TAKEN", lambda: square.accept(exchange_id, second))
        assert square.told(ASHA) == ["exchange_accepted"]
        # Who has offered it can offer it again.
        again = square.ask(None)
        assert again != exchange_id
        square.cancel(exchange_id)
        assert square.ask(None) == again

    def test_it_lapses(self, square: Square) -> None:
        asked, offered = square.ask(), square.ask(None)
        for exchange_id in (asked, offered):
            [task] = kept_tasks(square.ctx).keyed("exchange", exchange_id)
            tasks.expire(square.ctx, task.payload, task.at.replace(year=2025))
            assert square.exchange(exchange_id)["endedAt"] is None
            for _ in range(2):
                tasks.expire(square.ctx, task.payload, task.at)
            over = square.exchange(exchange_id)
            assert (over["status"], over["endReason"], over["endedBy"]) == ("cancelled", "expired", "system")
        assert square.told(ASHA) == ["exchange_cancelled"] * 2
        assert square.told(RAVI) == ["exchange_cancelled", "exchange_requested"]
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.accept(asked))
        # Too late, though nobody has looked yet.
        late = square.ask()
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.accept(late, now=at(days=8)))

    def test_of_who_was_shut_out_meanwhile(self, square: Square) -> None:
        exchange_id = square.ask()
        square.ctx.db.set(("users", ASHA), {"name": "Asha", "disabled": True})
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.accept(exchange_id))
        square.reject(exchange_id)

    def test_by_the_sweep(self, square: Square) -> None:
        idle = square.accepted()
        waits = square.ask(None, now=at(days=89))
        assert sweeps.sweep(square.ctx, {}, at(days=89)) == {"exchanges": 0, "failures": 0}
        assert sweeps.sweep(square.ctx, {}, at(days=90)) == {"exchanges": 1, "failures": 0}
        assert square.exchange(idle)["endReason"] == "idle"
        assert square.exchange(waits)["status"] == "open"


class TestCompletion:
    def test_each_side_once_with_points_and_badges(self, square: Square) -> None:
        exchange_id = square.ask()
        refused(Conflict, "EXCHANGE_NOT_ACCEPTED", lambda: square.complete(exchange_id, ASHA))
        square.accept(exchange_id)
        refused(Forbidden, "NOT_A_PARTICIPANT", lambda: square.complete(exchange_id, EVE))
        for _ in range(2):
            half = square.complete(exchange_id, ASHA)
            assert (half["status"], half["completedBy"]) == ("accepted", [ASHA])
        assert square.earned(ASHA) == (0, [])
        assert "exchange_completed" in square.told(RAVI)
        refused(Conflict, "EXCHANGE_NOT_COMPLETED", lambda: square.rate(exchange_id, ASHA))
        whole = square.complete(exchange_id, RAVI)
        assert (whole["status"], sorted(whole["completedBy"])) == ("completed", [ASHA, RAVI])
        for uid in (ASHA, RAVI):
            assert square.complete(exchange_id, uid)["status"] == "completed"
            assert square.earned(uid) == (75, ["skill_sharer"])
            assert square.profile(uid)["completedExchanges"] == 1
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.cancel(exchange_id))

    def test_twenty_at_once(self, square: Square) -> None:
        exchange_id = square.accepted()
        at_once(20, lambda number: square.complete(exchange_id, (ASHA, RAVI)[number % 2]))
        for uid in (ASHA, RAVI):
            square.complete(exchange_id, uid)
        for uid in (ASHA, RAVI):
            assert square.earned(uid)[0] == 75
            assert square.profile(uid)["completedExchanges"] == 1

    def test_feedback(self, square: Square) -> None:
        exchange_id = square.completed()
        refused(Forbidden, "NOT_A_PARTICIPANT", lambda: square.rate(exchange_id, EVE))
        given = square.rate(exchange_id, ASHA, 4, comment="Patient", endorse=True)
        assert given["feedback"][ASHA] == {**given["feedback"][ASHA], "rating": 4, "endorsed": True}
        refused(Conflict, "FEEDBACK_GIVEN", lambda: square.rate(exchange_id, ASHA))
        assert square.profile(RAVI)["exchangeRating"] == {"sum": 4, "count": 1, "average": 4.0}
        assert square.profile(RAVI)["skills"] == [{"name": "Guitar", "level": None, "endorsements": 1}]
        square.rate(exchange_id, RAVI, 5, endorse=True)
        assert square.profile(ASHA)["skills"][0]["name"] == "Python"
        assert "exchange_feedback" in square.told(ASHA)

    def test_top_rated(self, square: Square) -> None:
        for number, rating in enumerate((5, 4, 5, 4, 5)):
            uid = f"p{number}"
            square.member(uid, ["Python"], ["Guitar"])
            assert "top_rated" not in square.earned(RAVI)[1]
            square.rate(square.completed(uid=uid), uid, rating)
        assert square.profile(RAVI)["exchangeRating"]["average"] == 4.6
        assert "top_rated" in square.earned(RAVI)[1]


class TestMeetings:
    def test_planned_moved_and_held(self, square: Square) -> None:
        exchange_id = square.ask()
        refused(Conflict, "EXCHANGE_NOT_ACCEPTED", lambda: square.plan(exchange_id, at(days=1)))
        square.accept(exchange_id)
        for when in (START, at(days=366)):
            refused(BadRequest, None, partial(square.plan, exchange_id, when))
        refused(Forbidden, "NOT_A_PARTICIPANT", lambda: square.plan(exchange_id, at(days=1), by=EVE))
        first = square.plan(exchange_id, at(days=1), topic="Chords")
        assert square.told(RAVI).count("exchange_session") == 1
        refused(Conflict, "SLOT_TAKEN", lambda: square.plan(exchange_id, at(days=1, minutes=59)))
        second = square.plan(exchange_id, at(days=1, hours=1))
        assert square.exchange(exchange_id)["expiresAt"] == at(days=91, hours=2)
        refused(Conflict, "SLOT_TAKEN", lambda: square.change(exchange_id, second, {"scheduledAt": at(days=1)}))
        refused(NotFound, "SESSION_NOT_FOUND", lambda: square.change(exchange_id, "nothing", {}))
        refused(Conflict, "SESSION_NOT_BEGUN", lambda: square.change(exchange_id, first, {"status": "completed"}))
        square.change(exchange_id, second, {"status": "cancelled"})
        square.change(exchange_id, first, {"scheduledAt": at(days=1, minutes=30)})
        assert square.told(ASHA).count("exchange_session") == 2
        for _ in range(2):
            held = square.change(exchange_id, first, {"status": "completed"}, now=at(days=1, hours=2))
        assert [one["status"] for one in held["sessions"]] == ["completed", "cancelled"]
        refused(Conflict, "SESSION_ENDED", lambda: square.change(exchange_id, first, {"status": "cancelled"}))

    def test_the_end_cancels_what_was_planned(self, square: Square) -> None:
        exchange_id = square.accepted()
        session_id = square.plan(exchange_id, at(days=1))
        over = square.cancel(exchange_id, RAVI, note="I move away")
        assert (over["endReason"], over["sessions"][0]["status"]) == ("cancelled", "cancelled")
        assert "exchange_cancelled" in square.told(ASHA)
        assert "exchange_cancelled" not in square.told(RAVI)
        refused(Conflict, "EXCHANGE_CLOSED", lambda: square.plan(exchange_id, at(days=2)))
        refused(Conflict, "SESSION_ENDED", lambda: square.way_in(exchange_id, session_id, at(days=1)))

    def test_the_way_in(self, square: Square) -> None:
        exchange_id = square.accepted()
        begins = at(days=1)
        session_id = square.plan(exchange_id, begins)
        waiting = square.way_in(exchange_id, session_id, at(hours=23, minutes=49, seconds=59.5))
        assert (waiting["status"], waiting["secondsLeft"], waiting["url"]) == ("waiting", 1, None)
        opened = square.way_in(exchange_id, session_id, at(hours=23, minutes=50))
        assert (opened["status"], opened["provider"]) == ("open", "jitsi")
        assert opened["url"].startswith(f"https://{opened['domain']}/skillverse-{exchange_id.lower()}-secret")
        assert square.way_in(exchange_id, session_id, begins, by=ASHA)["roomName"] == opened["roomName"]
        refused(Forbidden, "NOT_A_PARTICIPANT", lambda: square.way_in(exchange_id, session_id, begins, by=EVE))
        late: datetime = at(days=1, minutes=60 + policy.CLOSES_MINS, seconds=1)
        refused(Conflict, "SESSION_ENDED", lambda: square.way_in(exchange_id, session_id, late))
        own = square.plan(exchange_id, at(days=3), meeting_url="https://meet.example/abc")
        shown = square.way_in(exchange_id, own, START)
        assert (shown["provider"], shown["url"], shown["status"]) == ("own", "https://meet.example/abc", "open")

    def test_milestones(self, square: Square) -> None:
        exchange_id = square.accepted()

        def put(*given: dict[str, Any], now: datetime = START) -> list[Any]:
            work = partial(meetings.set_milestones, exchange_id=exchange_id, uid=RAVI, given=list(given), now=now)
            return list(square.ctx.run(work)["milestones"])

        one, two = {"id": "1", "title": "Chords", "isDone": True}, {"id": "2", "title": "A song", "isDone": False}
        assert [done["doneAt"] for done in put(one, two)] == [START, None]
        assert [done["doneAt"] for done in put({**two, "isDone": True}, one, now=at(days=1))] == [at(days=1), START]
        assert put(two) == [{"id": "2", "title": "A song", "doneAt": None}]


class TestConversation:
    def test_it_opens_with_the_acceptance(self, square: Square) -> None:
        ctx, limit = square.ctx, SendingLimit(30, 60, unlooked=0)
        exchange_id = square.ask()
        refused(NotFound, "SESSION_NOT_FOUND", lambda: membership.find(ctx.db, exchange_id))
        square.accept(exchange_id)
        # Before the trigger has come.
        of = membership.find(ctx.db, exchange_id)
        assert (of.type, of.participants, of.active, of.expert_id) == ("exchange", (ASHA, RAVI), True, None)
        sent = messaging.send(ctx, of, ASHA, "Hello", limit=limit)
        on_exchange_written(ctx, written(square, exchange_id), START)
        found = ctx.db.get("conversations", exchange_id) or {}
        assert (found["type"], found["participants"], found["unread"]) == ("exchange", [ASHA, RAVI], {ASHA: 0, RAVI: 1})
        assert found["exchangeId"] == exchange_id
        told = [one for one in messaging.news(of, sent) if one.event == "receive_message"]
        assert [one.room for one in told] == [f"user:{ASHA}", f"user:{RAVI}"]
        assert (told[0].data["roomId"], told[0].data["senderId"]) == (exchange_id, ASHA)
        refused(Forbidden, None, lambda: messaging.send(ctx, of, EVE, "I", limit=limit))
        # After the end of a completed one too, but not of one that was left.
        square.complete(exchange_id, ASHA)
        square.complete(exchange_id, RAVI)
        assert membership.find(ctx.db, exchange_id).active
        left = square.accepted(offered_skill="Chess")
        for _ in range(2):
            on_exchange_written(ctx, written(square, left), START)
        assert (ctx.db.get("conversations", left) or {})["exchangeId"] == left
        square.cancel(left, RAVI)
        over = membership.find(ctx.db, left)
        refused(Conflict, "SESSION_ENDED", lambda: messaging.send(ctx, over, ASHA, "Why?", limit=limit))


def test_a_deleted_account(square: Square) -> None:
    open_one, asked, going_on = square.ask(None), square.ask(EVE), square.accepted()
    done = square.completed(offered_skill="Chess")
    square.rate(done, ASHA, comment="My words")
    square.rate(done, RAVI, comment="Ravi's words")
    for _ in range(2):
        deletion.erase(square.ctx, ASHA, "Deleted user", now=START)
    for exchange_id in (open_one, asked, going_on):
        over = square.exchange(exchange_id)
        assert (over["status"], over["endReason"]) == ("cancelled", "account-closed")
    for one in Query(("exchanges",)).run(square.ctx.db):
        assert (one["requesterName"], one["message"]) == ("Deleted user", "")
    words = square.exchange(done)["feedback"]
    assert (words[ASHA]["comment"], words[RAVI]["comment"]) == ("", "Ravi's words")
    assert "exchange_cancelled" in square.told(EVE)
    assert service.of_member(square.ctx.db, ASHA, limit=10).next_cursor is None

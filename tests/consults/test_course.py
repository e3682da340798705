"""A consult from its request to its end, and what that comes to."""

from typing import Any

import pytest

from konnect.admin import users
from konnect.consults import course, deletion, sweeps, tasks
from konnect.errors import BadRequest, Conflict, Forbidden, KonnectError, NotFound, PaymentRequired, Unavailable
from konnect.platform import PlatformConfig
from konnect.store import Query
from tests.consults.conftest import USER, Room
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, kept_events, kept_tasks, wallet_of


class TestRequest:
    def test_it_holds_the_price_and_takes_both(self, room: Room) -> None:
        room.person(USER)
        made = room.ask(price_paise=30000)
        consult = room.consult(made["id"])
        assert (consult["status"], consult["heldPaise"], consult["price"]) == ("pending", 30000, 300)
        assert consult["expiresAt"] == room.at(5) == made["expiresAt"]
        assert wallet_of(room.ctx, USER)["balance"] == 700
        assert room.claims() == [made["id"], made["id"]]
        # To accept 5, to come 10, the consult 30, the buffer 5.
        assert room.reserved(EXPERT) == room.reserved(USER) == [(START, room.at(50))]
        [told] = Query(("notifications",)).run(room.ctx.db)
        assert (told["userId"], told["type"]) == (EXPERT, "consult_requested")
        assert told["actionUrl"] == f"/consult/{made['id']}"
        updates = kept_events(room.ctx).named("consult_updated", f"user:{EXPERT}")
        assert [data["status"] for data in updates] == ["pending"]
        [task] = kept_tasks(room.ctx).keyed("consult", made["id"])
        assert task.at == room.at(5)
        room.check_books()

    @pytest.mark.parametrize(
        ("fields", "error", "code"),
        [
            ({"price_paise": 29999}, Conflict, "PRICE_CHANGED"),
            ({"consultant_id": "nobody"}, NotFound, "EXPERT_NOT_FOUND"),
            ({"minutes": 121}, BadRequest, "INVALID_INPUT"),
            ({"minutes": 110}, PaymentRequired, "INSUFFICIENT_BALANCE"),
        ],
    )
    def test_what_is_refused_takes_nothing(
        self, room: Room, fields: dict[str, Any], error: type[KonnectError], code: str
    ) -> None:
        room.person(USER)
        with pytest.raises(error) as refused:
            room.ask(**fields)
        assert refused.value.code == code
        assert room.claims() == [None]
        assert room.reserved(EXPERT) == room.kinds() == []

    def test_not_oneself(self, room: Room) -> None:
        room.person(EXPERT)
        with pytest.raises(BadRequest):
            room.ask(EXPERT)

    def test_nor_somebody_on_a_break_or_whose_account_is_closed(self, room: Room) -> None:
        room.person(USER)
        room.prefer(onBreak=True)
        with pytest.raises(Conflict) as refused:
            room.ask()
        assert refused.value.code == "EXPERT_BUSY"
        room.prefer(onBreak=False)
        room.ctx.db.set(("users", EXPERT), {"disabled": True})
        with pytest.raises(Conflict) as refused:
            room.ask()
        assert refused.value.code == "NOT_ACCEPTING_CONSULTS"
        room.ctx.db.set(("users", USER), {"disabled": True})
        with pytest.raises(Forbidden):
            room.ask()

    def test_one_claim_for_everything(self, room: Room) -> None:
        """Neither beside a session by the minute, nor the other way round, nor a second consult on either side."""
        consult_id = room.asked()
        room.user("arjun", 1000)
        room.person(USER, 0)
        with pytest.raises(Conflict) as refused:
            room.ask("arjun")
        assert refused.value.code == "EXPERT_BUSY"
        room.register(EXPERT, START)
        assert room.request("arjun").waiting
        room.expert_online("ravi")
        with pytest.raises(Conflict) as refused:
            room.ask(consultant_id="ravi")
        assert refused.value.code == "ALREADY_IN_SESSION"
        with pytest.raises(Conflict) as refused:
            room.request(USER, expert_id="ravi")
        assert refused.value.code == "ALREADY_IN_SESSION"
        # Who waits in the queue is next, once the consult is over.
        room.finish(consult_id, USER, room.at(1))
        assert kept_tasks(room.ctx).keyed("advance", EXPERT, consult_id)
        assert room.start_next(room.at(1))
        with pytest.raises(Conflict) as refused:
            room.ask(now=room.at(1))
        assert refused.value.code == "EXPERT_BUSY"

    def test_nor_in_the_other_role(self, room: Room) -> None:
        """Who is with a user of their own asks for none, and who is with another consultant is not asked."""
        room.expert_online("ravi")
        room.register(EXPERT, START)
        session_id = room.started("ravi", 100)
        for uid, wanted, code in ((EXPERT, "ravi", "ALREADY_IN_SESSION"), (USER, "ravi", "EXPERT_BUSY")):
            room.person(uid)
            with pytest.raises(Conflict) as refused:
                room.ask(uid, consultant_id=wanted)
            assert refused.value.code == code
        room.end(session_id, "ravi", START)
        assert room.ask(consultant_id="ravi")["status"] == "pending"

    def test_no_booking_nor_its_buffer_inside_the_time(self, room: Room) -> None:
        room.booked("arjun", scheduled_at=room.at(49))
        room.person(USER)
        with pytest.raises(Conflict) as refused:
            room.ask()
        assert refused.value.code == "BOOKED_SOON"
        assert room.ask(minutes=29)["status"] == "pending"

    def test_nothing_is_booked_inside_it(self, room: Room) -> None:
        room.asked()
        room.person("arjun")
        with pytest.raises(Conflict) as refused:
            room.book("arjun", scheduled_at=room.at(49))
        assert refused.value.code == "SLOT_TAKEN"
        assert room.book("arjun", scheduled_at=room.at(50))["status"] == "confirmed"


class TestBeforeItBegins:
    def test_not_accepted_in_time_everything_goes_back(self, room: Room) -> None:
        consult_id = room.asked()
        with pytest.raises(Unavailable):
            tasks.progress(room.ctx, {"consultId": consult_id, "due": room.at(5).isoformat()}, room.at(4, 59))
        room.tasks_until(room.at(5))
        consult = room.settled(consult_id, kept_paise=0)
        assert (consult["status"], consult["endReason"], consult["endedBy"]) == ("cancelled", "not-accepted", "system")
        told = Query(("notifications",)).filter("type", "==", "consult_cancelled").run(room.ctx.db)
        assert {one["userId"]: one["message"] for one in told} == {
            USER: "Your consult with Asha: it was not accepted in time. ₹300.00 is back in your wallet.",
            EXPERT: "The consult with Meera: you have not accepted it in time.",
        }
        [ended] = kept_events(room.ctx).named("session_end", f"user:{USER}")
        assert (ended["endedBy"], ended["released"], "earning" in ended) == ("system", 300, False)

    def test_a_lost_task_is_made_good_by_the_sweep(self, room: Room) -> None:
        consult_id = room.asked()
        late = room.at(5, 16)
        assert sweeps.sweep(room.ctx, {}, room.at(5), clock=lambda: room.at(5)) == {"consults": 0, "failures": 0}
        assert sweeps.sweep(room.ctx, {}, late, clock=lambda: late) == {"consults": 1, "failures": 0}
        assert room.settled(consult_id, kept_paise=0)["endReason"] == "not-accepted"
        assert sweeps.sweep(room.ctx, {}, late, clock=lambda: late) == {"consults": 0, "failures": 0}

    def test_too_late_to_accept(self, room: Room) -> None:
        """Whichever comes first, the timer or the word."""
        consult_id = room.asked()
        assert room.take(consult_id, room.at(5))["status"] == "cancelled"
        room.look(consult_id, room.at(6))
        room.settled(consult_id, kept_paise=0)
        assert room.take(consult_id, room.at(6))["status"] == "cancelled"

    @pytest.mark.parametrize(("by", "reason"), [(USER, "user-cancelled"), (EXPERT, "declined")])
    @pytest.mark.parametrize("accepted", [False, True])
    def test_either_may_call_it_off(self, room: Room, by: str, reason: str, accepted: bool) -> None:
        consult_id = room.asked()
        if accepted:
            room.take(consult_id, room.at(1))
        ended = room.finish(consult_id, by, room.at(2))
        assert (ended["status"], ended["endReason"], ended["endedBy"]) == ("cancelled", reason, by)
        assert room.finish(consult_id, USER, room.at(3))["endReason"] == reason
        room.settled(consult_id, kept_paise=0)

    def test_who_may_do_what(self, room: Room) -> None:
        consult_id = room.asked()
        for refused in (
            lambda: room.take(consult_id, START, by=USER),
            lambda: room.take(consult_id, START, by="arjun"),
            lambda: room.finish(consult_id, "arjun", START),
            lambda: room.join(consult_id, "arjun", START),
            lambda: room.extend(consult_id, 5, START, by=EXPERT),
        ):
            with pytest.raises(Forbidden) as error:
                refused()
            assert error.value.code == "NOT_A_PARTICIPANT"
        with pytest.raises(Conflict) as early:
            room.extend(consult_id, 5, START)
        assert early.value.code == "CONSULT_NOT_ACTIVE"
        with pytest.raises(NotFound):
            room.join("nothing", USER, START)

    def test_joining_before_the_acceptance_waits(self, room: Room) -> None:
        consult_id = room.asked()
        room.here(USER, EXPERT, now=START)
        room.join(consult_id, USER, room.at(1))
        assert room.join(consult_id, EXPERT, room.at(1))["status"] == "pending"
        consult = room.take(consult_id, room.at(2))
        assert (consult["status"], consult["startedAt"], consult["endsAt"]) == ("active", room.at(2), room.at(32))
        assert room.reserved(EXPERT) == [(START, room.at(37))]

    def test_who_has_joined_and_is_not_connected_is_not_there(self, room: Room) -> None:
        consult_id = room.asked()
        room.here(EXPERT, now=START)
        room.take(consult_id, START)
        room.join(consult_id, USER, START)
        assert room.join(consult_id, EXPERT, START)["status"] == "pending"
        room.here(USER, now=room.at(1))
        assert room.consult(consult_id)["status"] == "active"

    def test_the_user_does_not_come(self, room: Room) -> None:
        """Ten minutes after the acceptance. The consultant came two minutes late, so two were missed by both."""
        consult_id = room.asked()
        room.take(consult_id, START)
        room.here(EXPERT, now=room.at(2))
        room.join(consult_id, EXPERT, room.at(2))
        room.tasks_until(room.at(10))
        consult = room.settled(consult_id, kept_paise=28000)
        assert (consult["status"], consult["endReason"]) == ("completed", "user-no-show")

    def test_and_pays_the_configured_share(self, room: Room) -> None:
        room.config = PlatformConfig(userNoShowChargePercent=50)
        consult_id = room.asked()
        room.take(consult_id, START)
        room.here(EXPERT, now=START)
        room.join(consult_id, EXPERT, START)
        room.tasks_until(room.at(10))
        room.settled(consult_id, kept_paise=15000)

    def test_nobody_comes(self, room: Room) -> None:
        consult_id = room.asked()
        room.take(consult_id, START)
        room.tasks_until(room.at(10))
        consult = room.settled(consult_id, kept_paise=0)
        assert (consult["status"], consult["endReason"]) == ("cancelled", "expert-no-show")

    def test_the_consultant_does_not_come(self, room: Room) -> None:
        consult_id = room.asked()
        room.here(USER, now=START)
        room.join(consult_id, USER, START)
        room.take(consult_id, START)
        room.look(consult_id, room.at(12))
        assert room.settled(consult_id, kept_paise=0)["endReason"] == "expert-no-show"


class TestItsTime:
    def test_its_length_with_two_warnings(self, room: Room) -> None:
        consult_id = room.active()
        room.tasks_until(room.at(25))
        [first] = kept_events(room.ctx).named("session_ending", f"user:{USER}")
        assert first["secondsLeft"] == 300
        room.tasks_until(room.at(29))
        assert [one["secondsLeft"] for one in kept_events(room.ctx).named("session_ending", f"user:{EXPERT}")] == [
            300,
            60,
        ]
        room.tasks_until(room.at(30))
        consult = room.settled(consult_id, kept_paise=30000)
        assert (consult["endReason"], consult["endedAt"], consult["seconds"]) == ("completed", room.at(30), 1800)

    def test_a_late_timer_ends_it_at_its_own_time(self, room: Room) -> None:
        consult_id = room.active()
        room.look(consult_id, room.at(45))
        assert room.settled(consult_id, kept_paise=30000)["endedAt"] == room.at(30)

    @pytest.mark.parametrize("by", [USER, EXPERT])
    def test_paid_to_the_second_half_up(self, room: Room, by: str) -> None:
        """1,001 s at 10 INR: 16,683.33 paise; one more: 16,700."""
        consult_id = room.active()
        ended = room.finish(consult_id, by, room.at(16, 41.9))
        assert (ended["seconds"], ended["amountPaise"], ended["endedBy"]) == (1001, 16683, by)
        room.settled(consult_id, kept_paise=16683)
        before = wallet_of(room.ctx, USER)
        assert room.finish(consult_id, EXPERT, room.at(20))["amountPaise"] == 16683
        assert wallet_of(room.ctx, USER) == before
        assert room.kinds() == ["consult.hold", "consult.release", "consult.settle"]

    def test_ended_at_once_costs_nothing(self, room: Room) -> None:
        consult_id = room.active()
        room.finish(consult_id, EXPERT, room.at(0, 0.5))
        assert room.settled(consult_id, kept_paise=0)["status"] == "completed"
        assert room.kinds() == ["consult.hold", "consult.release"]

    def test_paid_is_the_time_in_which_both_were_there(self, room: Room) -> None:
        consult_id = room.active()
        room.gone(EXPERT, now=room.at(5))
        room.here(EXPERT, now=room.at(5, 40))
        room.join(consult_id, USER, room.at(10), joined=False)
        room.join(consult_id, USER, room.at(10, 20))
        room.finish(consult_id, USER, room.at(15))
        # The consultant was waiting when the user was away for a moment.
        consult = room.settled(consult_id, kept_paise=14333)
        assert consult["seconds"] == 900 - 40
        assert consult["intervals"] == {
            "user": [{"from": START, "to": room.at(10)}, {"from": room.at(10, 20), "to": room.at(15)}],
            "expert": [{"from": START, "to": room.at(5)}, {"from": room.at(5, 40), "to": room.at(15)}],
        }

    @pytest.mark.parametrize(("by", "kept_paise"), [(USER, 9833), (EXPERT, 9000)])
    def test_a_user_who_ends_it_while_away_has_come_back_for_that(self, room: Room, by: str, kept_paise: int) -> None:
        """Else a consultant could be listened to for nothing: left at once, and ended before the absence does."""
        consult_id = room.active()
        room.join(consult_id, USER, room.at(9), joined=False)
        room.finish(consult_id, by, room.at(9, 50))
        room.settled(consult_id, kept_paise=kept_paise)

    @pytest.mark.parametrize(("who", "reason"), [(USER, "user-absent"), (EXPERT, "expert-absent")])
    def test_absence_ends_it_after_a_minute(self, room: Room, who: str, reason: str) -> None:
        consult_id = room.active()
        room.gone(who, now=room.at(5))
        room.tasks_until(room.at(6))
        consult = room.settled(consult_id, kept_paise=5000)
        assert (consult["endReason"], consult["endedAt"], consult["endedBy"]) == (reason, room.at(6), "system")

    def test_a_return_after_that_does_not_revive_it(self, room: Room) -> None:
        consult_id = room.active()
        room.gone(USER, now=room.at(5))
        room.here(USER, now=room.at(6, 1))
        # Of the absence that has ended it, nothing is paid.
        assert room.settled(consult_id, kept_paise=5000)["endReason"] == "user-absent"
        with pytest.raises(Conflict) as refused:
            room.join(consult_id, USER, room.at(7))
        assert refused.value.code == "CONSULT_ENDED"
        assert room.join(consult_id, USER, room.at(7), joined=False)["status"] == "completed"


class TestLonger:
    def test_it_holds_more_and_warns_again(self, room: Room) -> None:
        consult_id = room.active()
        room.tasks_until(room.at(29))
        after = room.extend(consult_id, 10, room.at(29), price_paise=10000)
        assert (after["endsAt"], after["price"], after["heldPaise"]) == (room.at(40), 400, 40000)
        assert wallet_of(room.ctx, USER)["balance"] == 600
        assert room.reserved(EXPERT) == [(START, room.at(45))]
        room.tasks_until(room.at(39))
        warned = kept_events(room.ctx).named("session_ending", f"user:{USER}")
        assert [one["secondsLeft"] for one in warned] == [300, 60, 300, 60]
        room.tasks_until(room.at(40))
        room.settled(consult_id, kept_paise=40000, held_paise=40000)

    def test_what_is_not_used_goes_back_from_all_of_it(self, room: Room) -> None:
        consult_id = room.active()
        room.extend(consult_id, 10, room.at(1))
        room.extend(consult_id, 20, room.at(2))
        room.finish(consult_id, EXPERT, room.at(10))
        room.settled(consult_id, kept_paise=10000, held_paise=60000)

    def test_the_rate_is_that_of_the_beginning(self, room: Room) -> None:
        consult_id = room.active()
        room.ctx.run(lambda tx: tx.update(("experts", EXPERT), {"pricePerMinPaise": 5000, "pricePerMin": 50}))
        with pytest.raises(Conflict) as refused:
            room.extend(consult_id, 10, room.at(1), price_paise=50000)
        assert refused.value.details == [{"price": 100, "pricePerMin": 10}]
        assert room.extend(consult_id, 10, room.at(1), price_paise=10000)["price"] == 400

    def test_not_without_money_time_or_measure(self, room: Room) -> None:
        consult_id = room.active(rupees=350)
        with pytest.raises(PaymentRequired):
            room.extend(consult_id, 10, room.at(1))
        with pytest.raises(BadRequest):
            room.extend(consult_id, 91, room.at(1))
        room.booked("arjun", scheduled_at=room.at(35))
        with pytest.raises(Conflict) as refused:
            room.extend(consult_id, 5, room.at(1))
        assert refused.value.code == "BOOKED_SOON"
        room.tasks_until(room.at(30))
        with pytest.raises(Conflict) as refused:
            room.extend(consult_id, 5, room.at(31))
        assert refused.value.code == "CONSULT_ENDED"
        assert wallet_of(room.ctx, USER)["balance"] == 50


class TestAccounts:
    @pytest.mark.parametrize("who", [USER, EXPERT])
    def test_a_closed_account_ends_what_goes_on(self, room: Room, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("set_disabled", "revoke"):
            monkeypatch.setattr(users.auth, name, lambda *_, **__: None)
        consult_id = room.active()
        room.ctx.db.set(("users", who), {"name": "N", "role": "user", "disabled": False})
        for _ in range(2):
            users.change(room.ctx, users.Change(who, by="admin", disabled=True), now=room.at(3))
        assert room.settled(consult_id, kept_paise=3000)["endReason"] == "admin-ended"

    def test_and_calls_off_what_has_not_begun(self, room: Room) -> None:
        consult_id = room.asked()
        room.ctx.run(lambda tx: course.end_all(tx, USER, pace=PACE, now=room.at(3)))
        assert room.settled(consult_id, kept_paise=0)["endReason"] == "admin-ended"

    def test_deletion_waits_for_the_end_and_takes_the_names(self, room: Room) -> None:
        consult_id = room.active()
        for uid in (USER, EXPERT):
            [matter] = room.ctx.run(lambda tx, uid=uid: deletion.open_matters(tx, uid))
            assert (matter["code"], matter["consultId"]) == ("CONSULT_OPEN", consult_id)
        room.finish(consult_id, USER, room.at(3))
        assert room.ctx.run(lambda tx: deletion.open_matters(tx, USER)) == []
        deletion.erase(room.ctx, USER, "Deleted user", now=room.at(4))
        deletion.erase(room.ctx, EXPERT, "Deleted user", now=room.at(4))
        assert (room.consult(consult_id)["userName"], room.consult(consult_id)["expertName"]) == ("Deleted user",) * 2
        left = Query(("transactions",)).filter("referenceId", "==", consult_id).run(room.ctx.db)
        assert not any("Asha" in one["description"] or "Meera" in one["description"] for one in left)

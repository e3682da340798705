"""The same again, twenty at once, crashes, and races: a hold resolves once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from konnect import idempotency
from konnect.admin import revenue
from konnect.clock import business_day
from konnect.consults import service
from konnect.errors import Conflict, KonnectError, PaymentRequired, Unavailable
from konnect.ledger import days
from konnect.ledger.days import Sums
from konnect.payments import deposits, recharge
from konnect.store import Doc, Query
from tests.consults.conftest import USER, Room
from tests.sessions.bookings import Crash, dying
from tests.sessions.conftest import EXPERT, PACE
from tests.simulation.provider import Provider
from tests.support import START, at_once, give, kept_tasks, new_context, wallet_of


class TestOnce:
    def test_the_same_again_while_it_is_pending(self, room: Room) -> None:
        room.person(USER)
        first = room.ask()
        kept_tasks(room.ctx).by_name.clear()
        assert room.ask(now=room.at(1))["id"] == first["id"]
        assert kept_tasks(room.ctx).keyed("consult", first["id"])
        assert room.kinds() == ["consult.hold"]
        with pytest.raises(Conflict) as refused:
            room.ask(minutes=31)
        assert refused.value.code == "ALREADY_IN_SESSION"

    def test_the_same_again_at_a_price_that_has_changed_since(self, room: Room) -> None:
        """Nobody is told of a consult at another price than they were shown."""
        room.person(USER)
        first = room.ask(price_paise=30000)
        room.ctx.run(lambda tx: tx.update(("experts", EXPERT), {"pricePerMinPaise": 500}))
        assert room.ask()["id"] == room.ask(price_paise=30000)["id"] == first["id"]
        with pytest.raises(Conflict) as refused:
            room.ask(price_paise=15000)
        assert refused.value.code == "PRICE_CHANGED"
        assert room.kinds() == ["consult.hold"]

    def test_an_idempotency_key_outlives_the_end(self, room: Room) -> None:
        room.person(USER)
        key = idempotency.key(USER, "consult", "k1", {"minutes": 30})

        def ask() -> str:
            wanted = room.wish()
            made = room.ctx.run(lambda tx: service.start(tx, wanted, key=key, config=room.config, pace=PACE, now=START))
            return str(made["id"])

        first = ask()
        room.finish(first, USER, START)
        assert ask() == first
        assert room.ask()["id"] != first

    def test_twenty_at_once_by_one_user_are_one(self, room: Room) -> None:
        room.person(USER)
        made = at_once(20, lambda _: room.ask()["id"])
        consult_id = room.ask()["id"]
        assert {one for one in made if isinstance(one, str)} == {consult_id}
        assert all(isinstance(one, str | Unavailable) for one in made)
        assert wallet_of(room.ctx, USER)["balance"] == 700
        room.check_books()

    def test_twenty_users_at_once_for_one_consultant(self, room: Room) -> None:
        for n in range(20):
            room.person(f"user{n}", 300)
        made = at_once(20, lambda n: room.ask(f"user{n}")["id"])
        won = [one for one in made if isinstance(one, str)] or [room.ask("user0")["id"]]
        assert len(won) == 1
        assert {one.code for one in made if isinstance(one, KonnectError)} <= {
            "EXPERT_BUSY",
            "BOOKED_SOON",
            "UNAVAILABLE",
        }
        [consult] = Query(("consults",)).run(room.ctx.db)
        assert (consult["id"], room.kinds()) == (won[0], ["consult.hold"])
        room.check_books()

    def test_twenty_ends_at_once_settle_once(self, room: Room) -> None:
        consult_id = room.active()
        ended = at_once(20, lambda n: room.finish(consult_id, (USER, EXPERT)[n % 2], room.at(10))["amountPaise"])
        assert all(one == 10000 for one in ended if not isinstance(one, Exception))
        room.finish(consult_id, USER, room.at(10))
        room.settled(consult_id, kept_paise=10000)

    def test_an_extension_with_a_key_holds_once(self, room: Room) -> None:
        consult_id = room.active()
        key = idempotency.key(USER, "consult-extension", "k2", {"minutes": 10})
        at_once(5, lambda _: room.extend(consult_id, 10, room.at(1), key=key))
        assert room.extend(consult_id, 10, room.at(1), key=key)["price"] == 400
        assert room.kinds() == ["consult.hold", "consult.hold"]

    def test_acceptance_racing_expiry(self, room: Room) -> None:
        consult_id = room.asked()

        def race(n: int) -> None:
            if n % 2:
                room.take(consult_id, room.at(4, 59.9))
            else:
                room.look(consult_id, room.at(5))

        at_once(6, race)
        room.look(consult_id, room.at(5))
        consult = room.consult(consult_id)
        accepted = consult["acceptedAt"] is not None
        assert consult["status"] == ("pending" if accepted else "cancelled")
        assert room.kinds() == (["consult.hold"] if accepted else ["consult.hold", "consult.release"])
        room.check_books()

    def test_an_end_racing_extensions(self, room: Room) -> None:
        """What is held by then is divided; an extension that comes after the end holds nothing."""
        consult_id = room.active()

        def race(index: int) -> None:
            if index % 2:
                room.finish(consult_id, EXPERT, room.at(10))
            else:
                room.extend(consult_id, 10, room.at(10))

        results = at_once(6, race)
        assert all(
            isinstance(one, Unavailable | None) or (isinstance(one, Conflict) and one.code == "CONSULT_ENDED")
            for one in results
        )
        held_paise = 30000 + 10000 * room.consult(consult_id)["extensions"]
        room.settled(consult_id, kept_paise=10000, held_paise=held_paise)

    def test_an_end_racing_recharges(self, room: Room) -> None:
        """Each is credited once, whatever of it an extension has held by then."""
        consult_id, provider = room.active(rupees=300), Provider()
        made = [deposits.start(room.ctx, provider, USER, 10000, key=None, now=START) for _ in range(3)]
        for deposit in made:
            provider.pay(deposit["orderId"], "captured")

        def credit(deposit: Doc) -> Any:
            return recharge.recharge(
                room.ctx, provider, USER, amount_paise=10000, receipt_id=deposit["receipt"], now=room.at(10)
            )

        def race(index: int) -> None:
            if index % 5 == 4:
                room.finish(consult_id, (USER, EXPERT)[index % 2], room.at(10))
            elif index % 5 == 3:
                room.extend(consult_id, 10, room.at(10))
            else:
                credit(made[index % 3])

        results = at_once(20, race)
        allowed = Unavailable | PaymentRequired | Conflict
        assert all(one is None or isinstance(one, allowed) for one in results), results
        room.finish(consult_id, USER, room.at(10))
        assert {credit(deposit)["status"] for deposit in made} == {"success"}
        held_paise = 30000 + 10000 * room.consult(consult_id)["extensions"]
        room.settled(consult_id, kept_paise=10000, held_paise=held_paise, rupees=600)

    def test_an_end_racing_its_length(self, room: Room) -> None:
        consult_id = room.active()

        def race(n: int) -> None:
            if n % 2:
                room.finish(consult_id, USER, room.at(29, 59))
            else:
                room.look(consult_id, room.at(30))

        at_once(6, race)
        room.look(consult_id, room.at(30))
        consult = room.consult(consult_id)
        whole = consult["endReason"] == "completed"
        room.settled(consult_id, kept_paise=30000 if whole else 29983)

    @pytest.mark.parametrize("step", ["ask", "take", "join", "extend", "finish"])
    def test_a_crash_after_the_commit_is_made_good_by_the_repeat(self, room: Room, step: str) -> None:
        dead = replace(room, ctx=dying(room.ctx))
        room.person(USER)
        room.here(USER, EXPERT, now=START)
        key = idempotency.key(USER, "consult-extension", "k3", {})

        def run(room: Room, step: str) -> Any:
            known = Query(("consults",)).run(room.ctx.db)
            of = known[0]["id"] if known else ""
            return {
                "ask": lambda: room.ask(),
                "take": lambda: room.take(of, START),
                "join": lambda: [room.join(of, uid, START) for uid in (USER, EXPERT)],
                "extend": lambda: room.extend(of, 10, START, key=key),
                "finish": lambda: room.finish(of, USER, room.at(10)),
            }[step]()

        steps = ["ask", "take", "join", "extend", "finish"]
        for before in steps[: steps.index(step)]:
            run(room, before)
        kept_tasks(room.ctx).by_name.clear()
        with pytest.raises(Crash):
            run(dead, step)
        assert kept_tasks(room.ctx).by_name == {}
        run(room, step)
        assert kept_tasks(room.ctx).keyed("advance" if step == "finish" else "consult")
        for after in steps[steps.index(step) + 1 :]:
            run(room, after)
        [consult] = Query(("consults",)).run(room.ctx.db)
        room.settled(consult["id"], kept_paise=10000, held_paise=40000)


def test_what_comes_back_goes_to_the_parts_that_it_came_from(room: Room) -> None:
    give(room.ctx, USER, 25000, part="promotional")
    consult_id = room.active(rupees=100)
    room.extend(consult_id, 5, room.at(1))
    room.finish(consult_id, USER, room.at(26))
    # 350 held: 250 promotional, 100 deposited; 260 paid.
    assert wallet_of(room.ctx, USER)["depositedPaise"] == 9000
    assert wallet_of(room.ctx, USER)["promotionalPaise"] == 0
    room.check_books()


def test_it_is_revenue_of_consults(room: Room) -> None:
    consult_id = room.active()
    room.finish(consult_id, USER, room.at(20))
    day = business_day(START)
    sums = days.of_range(room.ctx.db, day, day).get(day.isoformat(), Sums())
    found = revenue.of(sums, "consults")
    assert (found.gross, found.fee, found.returned, found.refunds) == (20000, 4000, 10000, 0)
    assert revenue.of(sums, "sessions").gross == 0


@contextmanager
def refusals(*codes: str) -> Iterator[None]:
    """What may be refused."""
    try:
        yield
    except KonnectError as error:
        if error.code not in codes:
            raise


class Consults(RuleBasedStateMachine):
    """Both sides, the timers and the sweep, in any order, as time goes on."""

    @initialize()
    def begin(self) -> None:
        self.room = Room(new_context())
        self.room.expert_online()
        self.room.gone(EXPERT, now=START)
        self.room.person(USER, 600)
        self.now_s = 0.0
        self.consult_id = ""

    @property
    def now(self) -> Any:
        return self.room.at(0, self.now_s)

    @rule(seconds=st.sampled_from([0.4, 1, 20, 61, 240, 900]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(minutes=st.sampled_from([5, 20]))
    def ask(self, minutes: int) -> None:
        with refusals("ALREADY_IN_SESSION", "EXPERT_BUSY", "BOOKED_SOON", "INSUFFICIENT_BALANCE"):
            self.consult_id = self.room.ask(minutes=minutes, now=self.now)["id"]

    @precondition(lambda self: self.consult_id)
    @rule(what=st.sampled_from(["take", "user in", "expert in", "user out", "expert out", "longer", "look"]))
    def act(self, what: str) -> None:
        room, now, of = self.room, self.now, self.consult_id
        with refusals("CONSULT_ENDED", "CONSULT_NOT_ACTIVE", "INSUFFICIENT_BALANCE", "BOOKED_SOON"):
            if what == "take":
                room.take(of, now)
            elif what == "longer":
                room.extend(of, 5, now)
            elif what == "look":
                room.look(of, now)
            else:
                who = USER if what.startswith("user") else EXPERT
                room.here(who, now=now)
                room.join(of, who, now, joined=what.endswith("in"))

    @precondition(lambda self: self.consult_id)
    @rule(who=st.sampled_from([USER, EXPERT]), gone=st.booleans())
    def leave(self, who: str, gone: bool) -> None:
        if gone:
            self.room.gone(who, now=self.now)
        else:
            self.room.finish(self.consult_id, who, self.now)

    def teardown(self) -> None:
        if not hasattr(self, "room"):
            return
        self.now_s += 7200
        for consult in Query(("consults",)).run(self.room.ctx.db):
            self.room.look(consult["id"], self.now)
            ended = self.room.consult(consult["id"])
            if ended["status"] == "active":
                self.room.look(consult["id"], self.now)
                ended = self.room.consult(consult["id"])
            assert ended["status"] in {"completed", "cancelled"}, ended
            assert ended["amountPaise"] + ended["refundedAmountPaise"] == ended["pricePaise"]
        assert self.room.claims() == [None]
        self.room.check_books()


def test_in_any_order_the_books_hold() -> None:
    rules = settings(max_examples=4, stateful_step_count=20, suppress_health_check=list(HealthCheck), database=None)
    run_state_machine_as_test(Consults, settings=rules)

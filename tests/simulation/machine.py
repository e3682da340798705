"""The machine: which steps there are, in which circumstances, and what must hold after each and in the end."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support import give

from . import checks
from .faults import Fault
from .frame import fail
from .world import EVERYBODY, EXPERTS, USERS, World

QUIET_ROUNDS = 120
PROMOTION_PAISE = 2500
COURSE_PAISE = 1999
BOTH = {"freeIntroMinutes": 1, "promotionalPricePerMin": 8, "promotionalMinutes": 1}

faults = st.one_of(
    st.just(()),
    st.just(()),
    st.tuples(st.sampled_from(list(Fault))),
    st.tuples(st.sampled_from(list(Fault)), st.sampled_from(list(Fault))),
)
seconds = st.sampled_from((0.5, 5, 14, 16, 29, 30, 31, 45, 60, 61, 75, 130))
waits = st.one_of(st.just((0, True)), st.tuples(seconds, st.booleans()))
"""(seconds, punctual): what passes before a step. A part of most, so that no choice of rules stops the clock."""
index = st.integers(min_value=0, max_value=30)
uids = st.sampled_from(EVERYBODY)
expert_ids = st.sampled_from(list(EXPERTS))
amounts = st.sampled_from((300, 500, 1000, 1750, 2500, 10000))

Faults = tuple[Fault, ...]
Wait = tuple[float, bool]


T = TypeVar("T")


class Platform(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.tasks_lost = False
        self.webhooks_lost = False

    @initialize(
        balances=st.tuples(*[st.sampled_from((10000, 5000, 3500, 1000)) for _ in USERS]),
        fee=st.sampled_from((20, 0, 12.5, 33.3, 100)),
        minutes=st.sampled_from((10, 6, 3)),
        capacity=st.sampled_from((1, 1, 2)),
        intro=st.sampled_from(
            ({}, {"freeIntroMinutes": 2}, {"promotionalPricePerMin": 4.5, "promotionalMinutes": 2}, BOTH)
        ),
        by_hand=st.booleans(),
        elsewhere=st.booleans(),
        tasks_lost=st.booleans(),
        webhooks_lost=st.booleans(),
    )
    def begin(
        self,
        balances: tuple[int, ...],
        fee: float,
        minutes: int,
        capacity: int,
        intro: dict[str, float],
        by_hand: bool,
        elsewhere: bool,
        tasks_lost: bool,
        webhooks_lost: bool,
    ) -> None:
        """Everybody is there, two talk, one waits (and talks `elsewhere` meanwhile). `tasks_lost`, `webhooks_lost`:
        those that have not come when the steps are over will never."""
        self.tasks_lost, self.webhooks_lost = tasks_lost, webhooks_lost
        world = self.world
        with world.step():
            world.configure(
                platformFeePercent=fee, maxSessionDurationMins=minutes, maxSessionsPerMentor=capacity, **intro
            )
            for uid, price_paise in EXPERTS.items():
                world.add_expert(uid, price_paise)
            for uid, paise in zip(USERS, balances, strict=True):
                world.top_up(uid, paise)
            for uid in ("meera", *EXPERTS):
                give(world.ctx, uid, PROMOTION_PAISE, part="promotional")
            world.offer_course("asha", COURSE_PAISE)
            for place, uid in enumerate(EVERYBODY):
                world.connect(uid, world.instances[place % 2])
            world.prefer("ravi", acceptsByHand=by_hand)
            world.request("meera", "asha")
            world.request("kabir", "asha")
            if elsewhere:
                world.request("kabir", "ravi")
        world.check()

    def after(self, wait: Wait) -> None:
        """Let time pass before a step."""
        if wait[0]:
            with self.world.step():
                self.world.pass_time(wait[0], punctual=wait[1])
            self.world.check()

    def choose(self, found: Sequence[T], which: int) -> T | None:
        """One of them, counted from the newest; with none, a while passes instead.

        The rules have no preconditions: what is drawn must not depend on documents, whose ids are random.
        """
        if found:
            return found[-1 - which % len(found)]
        self.after((20, True))
        return None

    # Time, tasks, events, sweeps

    @rule(minutes=st.integers(min_value=1, max_value=3))
    def minutes_pass_in_order(self, minutes: int) -> None:
        self.after((60 * minutes, True))

    @rule(late=st.sampled_from((16, 61, 75, 130, 190)), by_sweep=st.booleans(), faults=faults)
    def tasks_are_late(self, late: float, by_sweep: bool, faults: Faults) -> None:
        """Then come all that are due, or the sweep."""
        self.after((late, False))
        with self.world.step():
            if by_sweep:
                self.world.sweep(faults=faults)
            for task in [] if by_sweep else self.world.due():
                self.world.deliver(task, faults=faults)

    @rule(wait=waits, which=index, faults=faults, fate=st.sampled_from(("once", "again", "never")))
    def a_task_comes(self, wait: Wait, which: int, faults: Faults, fate: str) -> None:
        """Once, or to come again although it went well, or never: it is lost."""
        self.after(wait)
        if fate == "never":
            if lost := self.choose(self.world.tasks.waiting, which):
                self.world.lose(lost)
        elif task := self.choose(self.world.due(), which):
            with self.world.step():
                self.world.deliver(task, faults=faults, keep=fate == "again")

    @rule(which=index, faults=faults)
    def an_event_comes(self, which: int, faults: Faults) -> None:
        if trigger := self.choose(self.world.triggers, which):
            with self.world.step():
                self.world.tell(trigger, faults=faults)

    @rule(wait=waits, faults=faults)
    def the_sweep_of_sessions_runs(self, wait: Wait, faults: Faults) -> None:
        self.after(wait)
        with self.world.step():
            self.world.sweep(faults=faults)

    # Presence

    @rule(wait=waits, uid=uids, instance=st.integers(0, 1), faults=faults)
    def somebody_connects(self, wait: Wait, uid: str, instance: int, faults: Faults) -> None:
        """Somebody who is away, if anybody is."""
        self.after(wait)
        away = [uid for uid in EVERYBODY if not self.world.snapshot.is_present(uid)]
        with self.world.step():
            self.world.connect(away[0] if away else uid, self.world.instances[instance], faults=faults)

    @rule(wait=waits, which=index, what=st.sampled_from(("tab", "all", "instance")), faults=faults)
    def somebody_disconnects(self, wait: Wait, which: int, what: str, faults: Faults) -> None:
        """One connection, all of that person's, or all of its instance, which crashes without a word."""
        self.after(wait)
        chosen = self.choose(list(self.world.sockets), which)
        if chosen is None:
            return
        uid, instance, _ = self.world.sockets[chosen]
        with self.world.step():
            if what == "instance":
                self.world.crash_instance(instance)
            for connection in self.world.sockets_of(uid) if what == "all" else [chosen] if what == "tab" else []:
                self.world.disconnect(connection, faults=faults)

    @rule(
        wait=waits,
        which=st.integers(0, 1),
        user=st.booleans(),
        away=st.tuples(st.sampled_from((20, 45, 59, 61, 75, 130)), st.booleans()),
        ended_by=st.sampled_from((None, None, "userId", "expertUid")),
        faults=faults,
    )
    def a_side_is_away(
        self, wait: Wait, which: int, user: bool, away: Wait, ended_by: str | None, faults: Faults
    ) -> None:
        """Of a session in progress, and comes back, unless the session is ended meanwhile."""
        self.after(wait)
        session = self.choose(self.world.running(), which)
        if session is None:
            return
        uid = session["userId" if user else "expertUid"]
        with self.world.step():
            for connection in self.world.sockets_of(uid):
                self.world.disconnect(connection, faults=faults)
        self.world.check()
        self.after(away)
        with self.world.step():
            if ended_by:
                self.world.end(session["id"], session[ended_by], faults=faults)
            else:
                self.world.connect(uid, self.world.instances[0], faults=faults)

    # Sessions

    @rule(wait=waits, uid=uids, expert_id=expert_ids, faults=faults)
    def somebody_requests(self, wait: Wait, uid: str, expert_id: str, faults: Faults) -> None:
        self.after(wait)
        if uid != expert_id:
            with self.world.step():
                if not self.world.snapshot.is_present(uid):
                    self.world.connect(uid, self.world.instances[0])
                self.world.request(uid, expert_id, faults=faults)

    @rule(which=index, faults=faults)
    def somebody_leaves_the_queue(self, which: int, faults: Faults) -> None:
        waiting = [(uid, expert_id) for expert_id in EXPERTS for uid in sorted(self.world.snapshot.queue(expert_id))]
        if place := self.choose(waiting, which):
            with self.world.step():
                self.world.leave_queue(*place, faults=faults)

    @rule(wait=waits, which=st.integers(0, 2), by=st.sampled_from(("userId", "expertUid")), faults=faults, then=waits)
    def somebody_ends(self, wait: Wait, which: int, by: str, faults: Faults, then: Wait) -> None:
        """A session, also one that has ended before. Then the next in the queue may be taken."""
        self.after(wait)
        if session := self.choose(self.world.running() or self.world.sessions(), which):
            for _ in range(2):
                with self.world.step():
                    self.world.end(session["id"], session[by], faults=faults)
            self.world.check()
            self.after(then)

    @rule(
        expert_id=expert_ids,
        setting=st.sampled_from(("acceptsByHand", "acceptsByHand", "onBreak", "introOffer")),
        on=st.booleans(),
        faults=faults,
    )
    def an_expert_has_a_wish(self, expert_id: str, setting: str, on: bool, faults: Faults) -> None:
        with self.world.step():
            self.world.prefer(expert_id, faults=faults, **{setting: on})

    @rule(
        uid=uids,
        expert_id=expert_ids,
        after=st.sampled_from((0, 5, 59, 60, 61, 80)),
        punctual=st.booleans(),
        who=st.sampled_from(("accepts", "accepts", "declines", "withdraws", "vanishes")),
        faults=faults,
        then=waits,
    )
    def a_request_is_to_be_accepted(
        self, uid: str, expert_id: str, after: float, punctual: bool, who: str, faults: Faults, then: Wait
    ) -> None:
        """A new one, of somebody who is there, or what is open. It is answered in time, too late, or not at all, and
        maybe its time-out comes in the middle of it all."""
        world = self.world
        with world.step():
            for one in (expert_id, uid):
                if not world.snapshot.is_present(one):
                    world.connect(one, world.instances[0])
            world.prefer(expert_id, acceptsByHand=True, onBreak=False)
            if uid != expert_id:
                world.request(uid, expert_id)
        world.check()
        self.after((after, punctual))
        session = self.choose(world.asked(), 0)
        if session is None:
            return
        with world.step():
            if who == "withdraws":
                world.leave_queue(session["userId"], session["expertId"], faults=faults)
            elif who == "vanishes":
                for connection in world.sockets_of(session["userId"]):
                    world.disconnect(connection)
                world.answer(session["id"], session["expertUid"], True, faults=faults)
            else:
                for _ in range(2):
                    world.answer(session["id"], session["expertUid"], who == "accepts", faults=faults)
        world.check()
        self.after(then)

    @rule(
        fee=st.sampled_from((0, 10, 20, 33.3, 100)),
        minutes=st.sampled_from((10, 3, 1)),
        capacity=st.sampled_from((1, 2)),
        free=st.sampled_from((0, 1, 3)),
        promotional=st.sampled_from((None, 5, 9)),
    )
    def the_configuration_changes(
        self, fee: float, minutes: int, capacity: int, free: int, promotional: float | None
    ) -> None:
        with self.world.step():
            self.world.configure(
                platformFeePercent=fee,
                maxSessionDurationMins=minutes,
                maxSessionsPerMentor=capacity,
                freeIntroMinutes=free,
                promotionalPricePerMin=promotional,
            )

    # Money

    @rule(wait=waits, uid=uids, paise=amounts)
    def a_deposit_arrives(self, wait: Wait, uid: str, paise: int) -> None:
        self.after(wait)
        with self.world.step():
            self.world.top_up(uid, paise)

    @rule(
        which=st.integers(0, 1),
        left_paise=st.sampled_from((0, 740, 1000)),
        grace=st.sampled_from((0, 10, 29, 31, 75, 130)),
        punctual=st.booleans(),
        paise=st.sampled_from((1000, 5000, 500, None)),
        ended_by=st.sampled_from((None, "userId", "expertUid")),
    )
    def the_money_runs_out(
        self, which: int, left_paise: int, grace: float, punctual: bool, paise: int | None, ended_by: str | None
    ) -> None:
        """In a session in progress. In its grace a deposit may come, and the end before the platform sees to it."""
        session = self.choose(self.world.running(), which)
        if session is None:
            return
        with self.world.step():
            self.world.spend_elsewhere(session["userId"], left_paise)
        to_next = session["startedAt"] + timedelta(minutes=session["nextMinute"]) - self.world.now
        self.after((max(0, to_next.total_seconds()), True))
        self.after((grace, punctual))
        with self.world.step():
            if paise:
                self.world.top_up(session["userId"], paise)
            if ended_by:
                self.world.end(session["id"], session[ended_by])

    @rule(
        uid=uids,
        paise=amounts,
        keyed=st.booleans(),
        outcomes=st.lists(st.sampled_from(("captured", "captured", "authorized", "failed")), max_size=2),
        faults=faults,
    )
    def a_deposit_is_begun(self, uid: str, paise: int, keyed: bool, outcomes: list[str], faults: Faults) -> None:
        """And paid, not at all or twice; news of that come by the next rules, or never."""
        with self.world.step():
            order_id = self.world.deposit(uid, paise, keyed=keyed, faults=faults)
        for outcome in outcomes if order_id else ():
            payment = self.world.provider.pay(str(order_id), outcome)
            self.world.log(f"{payment.id} of {order_id}: {outcome}")

    @rule(which=index, by=st.sampled_from(("webhook", "browser", "both")), provider_fails=st.booleans(), faults=faults)
    def a_payment_is_told_of(self, which: int, by: str, provider_fails: bool, faults: Faults) -> None:
        if by != "browser" and (webhook := self.choose(self.world.provider.webhooks, which)):
            with self.world.step():
                self.world.receive(webhook, faults=faults)
        if by != "webhook" and (payment_id := self.choose(list(self.world.provider.payments), which)):
            with self.world.step():
                self.world.verify(payment_id, provider_fails=provider_fails, faults=faults)

    @rule(later=st.booleans(), provider_fails=st.booleans(), faults=faults)
    def the_sweep_of_payments_runs(self, later: bool, provider_fails: bool, faults: Faults) -> None:
        self.after((620 if later else 0, True))
        with self.world.step():
            self.world.sweep_payments(provider_fails=provider_fails, faults=faults)

    @rule(which=index, part=st.sampled_from((1, 2, 3)), told=st.booleans(), faults=faults)
    def a_payment_is_refunded(self, which: int, part: int, told: bool, faults: Faults) -> None:
        provider = self.world.provider
        payment_id = self.choose([key for key in provider.payments if provider.refundable(key)], which)
        if payment_id is None:
            return
        paise = max(1, provider.refundable(payment_id) // part)
        provider.refund(payment_id, paise)
        self.world.log(f"{payment_id}: {paise} refunded")
        if told:
            with self.world.step():
                self.world.receive(provider.webhooks[-1], faults=faults)

    @rule(wait=waits, uid=st.sampled_from((*USERS, "ravi", "asha")), faults=faults, then=st.sampled_from((0, 0, 1, 2)))
    def somebody_buys_the_course(self, wait: Wait, uid: str, faults: Faults, then: int) -> None:
        """Twice, for the price of one; and `then` it is refunded, so often."""
        self.after(wait)
        for given in (faults, ()):
            with self.world.step():
                self.world.buy_course(uid, faults=given)
            self.world.check()
        for number in range(then):
            for purchase_id in self.world.course_sales()[-1:]:
                with self.world.step():
                    self.world.refund_course(purchase_id, f"{purchase_id}-{number}", faults=faults)
            self.world.check()

    @rule(which=index, again=st.booleans(), faults=faults)
    def a_course_is_refunded(self, which: int, again: bool, faults: Faults) -> None:
        if purchase_id := self.choose(self.world.course_sales(), which):
            with self.world.step():
                self.world.refund_course(purchase_id, f"r-{purchase_id}" if again else f"r{which}", faults=faults)

    @rule(which=index, part=st.sampled_from((1, 2, 3)), keyed=st.booleans(), again=st.booleans(), faults=faults)
    def somebody_withdraws(self, which: int, part: int, keyed: bool, again: bool, faults: Faults) -> None:
        """Something new, or `again` under a former key."""
        if again and self.world.keys:
            uid, paise, key = self.choose(self.world.keys, which) or self.world.keys[0]
            with self.world.step():
                self.world.withdraw(uid, paise, again=key, faults=faults)
        elif earner := self.choose(self.world.earners(), which):
            with self.world.step():
                self.world.withdraw(earner[0], max(1, earner[1] // part), keyed=keyed, faults=faults)

    @rule(
        which=index,
        outcomes=st.lists(st.sampled_from(("paid", "failed")), min_size=1, max_size=3),
        faults=faults,
    )
    def the_bank_answers(self, which: int, outcomes: list[str], faults: Faults) -> None:
        if payout_id := self.choose(self.world.payouts(), which):
            for outcome in outcomes:
                with self.world.step():
                    self.world.settle_by_hand(payout_id, outcome, faults=faults)
                self.world.check()

    # What must hold

    @invariant()
    def all_is_well(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        try:
            if self.world.sound and self.world.snapshot["config"]:
                self.world.log("time passes")
                self._all_comes_to_rest()
                self._all_is_collected()
        finally:
            self.world.close()

    def _all_comes_to_rest(self) -> None:
        """What is still to come comes, the sweeps run every minute: each session ends, free experts take who waits."""
        world = self.world
        for uid in EVERYBODY:
            if not world.snapshot.is_present(uid):
                world.connect(uid, world.instances[0])
        for expert_id in EXPERTS:
            world.prefer(expert_id, acceptsByHand=False, onBreak=False)
        for uid in USERS:
            world.request(uid, "asha")
        world.check()
        if self.tasks_lost:
            world.tasks.waiting.clear()
        for _ in range(QUIET_ROUNDS):
            for trigger in world.triggers:
                if not trigger.delivered:
                    world.tell(trigger)
            world.pass_time(60, punctual=not self.tasks_lost)
            world.sweep()
            if self.tasks_lost:
                world.tasks.waiting.clear()
            for expert_id in EXPERTS:
                # Who has not answered a request from before is on a break.
                world.prefer(expert_id, onBreak=False)
            open_ones = {**world.snapshot.sessions_in_progress, **world.snapshot.offers}
            if not open_ones and all(trigger.delivered for trigger in world.triggers):
                return
        raise AssertionError(f"still open: {open_ones}")

    def _all_is_collected(self) -> None:
        world = self.world
        for webhook in world.provider.webhooks:
            if not webhook.delivered and not (self.webhooks_lost and self._the_sweep_finds(webhook.event)):
                world.receive(webhook)
        for later in (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=6)):
            world.pass_time(later.total_seconds(), punctual=not self.tasks_lost)
            world.sweep_payments()
            world.sweep()
        for payout_id in world.payouts():
            if world.snapshot["payouts"][payout_id]["status"] == "pending":
                world.settle_by_hand(payout_id, "paid")
        world.check()
        fail(checks.collected(world.snapshot, world.provider))
        world.reconcile()

    def _the_sweep_finds(self, event: Any) -> bool:
        """The sweep asks about orders that are not paid yet: of the first payment it needs no webhook."""
        of_order = [p for p in self.world.provider.payments.values() if p.order_id == event.payment.order_id]
        return event.refund is None and len(of_order) == 1

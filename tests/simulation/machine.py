"""The machine: which steps there are, in which circumstances, and what must hold after each and in the end."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from . import checks, snapshot
from .faults import Fault
from .world import EVERYBODY, EXPERTS, USERS, World

AMOUNTS_PAISE = (300, 500, 1000, 1750, 2500, 10000)
QUIET_ROUNDS = 120

no_faults = st.just(())
faults = st.one_of(
    no_faults,
    no_faults,
    st.tuples(st.sampled_from(list(Fault))),
    st.tuples(st.sampled_from(list(Fault)), st.sampled_from(list(Fault))),
)
index = st.integers(min_value=0, max_value=30)
uids = st.sampled_from(EVERYBODY)
expert_ids = st.sampled_from(list(EXPERTS))
seconds = st.sampled_from((0.5, 5, 14, 16, 29, 30, 31, 45, 60, 61, 75, 130))


class Platform(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.tasks_lost = False
        self.webhooks_lost = False

    @initialize(
        balances=st.tuples(*[st.sampled_from((0, 500, 1000, 2000, 3500, 10000)) for _ in USERS]),
        fee=st.sampled_from((0, 12.5, 20, 33.3, 100)),
        minutes=st.sampled_from((2, 4, 8)),
        capacity=st.sampled_from((1, 1, 2)),
        tasks_lost=st.booleans(),
        webhooks_lost=st.booleans(),
    )
    def begin(
        self,
        balances: tuple[int, ...],
        fee: float,
        minutes: int,
        capacity: int,
        tasks_lost: bool,
        webhooks_lost: bool,
    ) -> None:
        """`tasks_lost`, `webhooks_lost`: in the end, none of those still to come will."""
        self.tasks_lost, self.webhooks_lost = tasks_lost, webhooks_lost
        with self.world.step():
            self.world.configure(
                platformFeePercent=fee, maxSessionDurationMins=minutes, maxSessionsPerMentor=capacity
            )
            for uid, price_paise in EXPERTS.items():
                self.world.add_expert(uid, price_paise)
            for uid, paise in zip(USERS, balances, strict=True):
                if paise:
                    self.world.top_up(uid, paise)
            for place, uid in enumerate(EVERYBODY):
                self.world.connect(uid, self.world.instances[place % 2])
            self.world._renew_leases()

    # Time

    @rule(seconds=seconds, punctual=st.booleans())
    def time_passes(self, seconds: float, punctual: bool) -> None:
        with self.world.step():
            self.world.pass_time(seconds, punctual=punctual)

    @rule(minutes=st.integers(min_value=1, max_value=4))
    def minutes_pass_in_order(self, minutes: int) -> None:
        with self.world.step():
            self.world.pass_time(60 * minutes, punctual=True)

    # Tasks, events, sweeps

    @precondition(lambda self: self.world.due())
    @rule(which=index, faults=faults, keep=st.booleans())
    def a_task_comes(self, which: int, faults: tuple[Fault, ...], keep: bool) -> None:
        due = self.world.due()
        with self.world.step():
            self.world.deliver(due[which % len(due)], faults=faults, keep=keep)

    @precondition(lambda self: self.world.tasks.waiting)
    @rule(which=index)
    def a_task_is_lost(self, which: int) -> None:
        self.world.lose(self.world.tasks.waiting[which % len(self.world.tasks.waiting)])

    @precondition(lambda self: self.world.triggers)
    @rule(which=index, faults=faults)
    def an_event_comes(self, which: int, faults: tuple[Fault, ...]) -> None:
        latest = list(reversed(self.world.triggers))
        with self.world.step():
            self.world.tell(latest[which % len(latest)], faults=faults)

    @rule(faults=faults)
    def the_sweep_of_sessions_runs(self, faults: tuple[Fault, ...]) -> None:
        with self.world.step():
            self.world.sweep(faults=faults)

    # Presence

    @rule(uid=uids, instance=st.integers(0, 1), faults=faults)
    def somebody_connects(self, uid: str, instance: int, faults: tuple[Fault, ...]) -> None:
        with self.world.step():
            self.world.connect(uid, self.world.instances[instance], faults=faults)

    @precondition(lambda self: self.world.sockets)
    @rule(which=index, faults=faults)
    def somebody_disconnects(self, which: int, faults: tuple[Fault, ...]) -> None:
        sockets = list(self.world.sockets)
        with self.world.step():
            self.world.disconnect(sockets[which % len(sockets)], faults=faults)

    @rule(which=st.integers(0, 1))
    def an_instance_crashes(self, which: int) -> None:
        with self.world.step():
            self.world.crash_instance(which)

    # Sessions

    @rule(uid=uids, expert_id=expert_ids, faults=faults)
    def somebody_requests(self, uid: str, expert_id: str, faults: tuple[Fault, ...]) -> None:
        if uid != expert_id and self.world.snapshot.is_present(uid):
            with self.world.step():
                self.world.request(uid, expert_id, faults=faults)

    @rule(uid=st.sampled_from(USERS), expert_id=expert_ids, minutes=st.sampled_from((0, 1, 2, 5)))
    def a_talk_goes_on(self, uid: str, expert_id: str, minutes: int) -> None:
        """The plain case, so that most examples come to sessions of some length."""
        with self.world.step():
            if not self.world.snapshot.is_present(expert_id):
                self.world.connect(expert_id, self.world.instances[0])
            if not self.world.snapshot.is_present(uid):
                self.world.connect(uid, self.world.instances[1])
            self.world.request(uid, expert_id)
            self.world.pass_time(60 * minutes, punctual=True)

    @precondition(lambda self: any(self.world.snapshot.queue(expert_id) for expert_id in EXPERTS))
    @rule(which=index, faults=faults)
    def somebody_leaves_the_queue(self, which: int, faults: tuple[Fault, ...]) -> None:
        waiting = [(uid, expert_id) for expert_id in EXPERTS for uid in sorted(self.world.snapshot.queue(expert_id))]
        with self.world.step():
            self.world.leave_queue(*waiting[which % len(waiting)], faults=faults)

    @precondition(lambda self: self.world.snapshot["sessions"])
    @rule(which=index, by_user=st.booleans(), faults=faults)
    def somebody_ends(self, which: int, by_user: bool, faults: tuple[Fault, ...]) -> None:
        latest = list(reversed(self.world.sessions()))
        session = latest[which % len(latest)]
        with self.world.step():
            self.world.end(session["id"], session["userId" if by_user else "expertUid"], faults=faults)

    @rule(
        fee=st.sampled_from((0, 10, 20, 33.3, 100)),
        minutes=st.sampled_from((1, 3, 8)),
        capacity=st.sampled_from((1, 2)),
    )
    def the_configuration_changes(self, fee: float, minutes: int, capacity: int) -> None:
        with self.world.step():
            self.world.configure(
                platformFeePercent=fee, maxSessionDurationMins=minutes, maxSessionsPerMentor=capacity
            )

    # Money

    @rule(uid=uids, paise=st.sampled_from(AMOUNTS_PAISE))
    def a_deposit_arrives(self, uid: str, paise: int) -> None:
        with self.world.step():
            self.world.top_up(uid, paise)

    @rule(uid=uids, paise=st.sampled_from(AMOUNTS_PAISE), keyed=st.booleans(), faults=faults)
    def a_deposit_is_begun(self, uid: str, paise: int, keyed: bool, faults: tuple[Fault, ...]) -> None:
        with self.world.step():
            self.world.deposit(uid, paise, keyed=keyed, faults=faults)

    @precondition(lambda self: self.world.orders)
    @rule(which=index, outcome=st.sampled_from(("captured", "captured", "authorized", "failed")))
    def an_order_is_paid(self, which: int, outcome: str) -> None:
        order_id, _ = self.world.orders[-1 - which % len(self.world.orders)]
        payment = self.world.provider.pay(order_id, outcome)
        self.world.log(f"{payment.id} of {order_id}: {outcome}")

    @precondition(lambda self: self.world.provider.webhooks)
    @rule(which=index, faults=faults)
    def a_webhook_comes(self, which: int, faults: tuple[Fault, ...]) -> None:
        latest = list(reversed(self.world.provider.webhooks))
        with self.world.step():
            self.world.receive(latest[which % len(latest)], faults=faults)

    @precondition(lambda self: self.world.provider.payments)
    @rule(which=index, provider_fails=st.booleans(), faults=faults)
    def the_browser_verifies(self, which: int, provider_fails: bool, faults: tuple[Fault, ...]) -> None:
        latest = list(reversed(self.world.provider.payments))
        with self.world.step():
            self.world.verify(latest[which % len(latest)], provider_fails=provider_fails, faults=faults)

    @rule(provider_fails=st.booleans(), faults=faults)
    def the_sweep_of_payments_runs(self, provider_fails: bool, faults: tuple[Fault, ...]) -> None:
        with self.world.step():
            self.world.sweep_payments(provider_fails=provider_fails, faults=faults)

    @rule(which=index, part=st.sampled_from((1, 2, 3)))
    def a_payment_is_refunded(self, which: int, part: int) -> None:
        provider = self.world.provider
        refundable = [key for key in provider.payments if provider.refundable(key)]
        if refundable:
            key = refundable[which % len(refundable)]
            paise = max(1, provider.refundable(key) // part)
            provider.refund(key, paise)
            self.world.log(f"{key}: {paise} refunded")

    @precondition(lambda self: any(doc["withdrawablePaise"] for doc in self.world.snapshot["wallets"].values()))
    @rule(uid=expert_ids, part=st.sampled_from((1, 2, 3)), keyed=st.booleans(), faults=faults)
    def an_expert_withdraws(self, uid: str, part: int, keyed: bool, faults: tuple[Fault, ...]) -> None:
        earned = self.world.snapshot["wallets"].get(uid, {}).get("withdrawablePaise", 0)
        if earned:
            with self.world.step():
                key = f"w{len(self.world.keys)}" if keyed else None
                self.world.withdraw(uid, max(1, earned // part), key=key, faults=faults)

    @precondition(lambda self: self.world.keys)
    @rule(which=index, faults=faults)
    def a_withdrawal_is_repeated(self, which: int, faults: tuple[Fault, ...]) -> None:
        uid, paise, key = self.world.keys[which % len(self.world.keys)]
        with self.world.step():
            self.world.withdraw(uid, paise, key=key, faults=faults)

    @precondition(lambda self: self.world.snapshot["payouts"])
    @rule(which=index, outcome=st.sampled_from(("paid", "failed")), faults=faults)
    def the_bank_answers(self, which: int, outcome: str, faults: tuple[Fault, ...]) -> None:
        payouts = self.world.payouts()
        with self.world.step():
            self.world.settle_withdrawal(payouts[which % len(payouts)], outcome, faults=faults)

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
        """What is still to come comes, the sweeps run every minute: each session ends, and free experts take who waits."""
        world = self.world
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
            if not world.snapshot.sessions_in_progress and all(trigger.delivered for trigger in world.triggers):
                return
        raise AssertionError(f"still in progress: {world.snapshot.sessions_in_progress}")

    def _all_is_collected(self) -> None:
        world = self.world
        for webhook in world.provider.webhooks:
            if not webhook.delivered and not (self.webhooks_lost and self._the_sweep_finds(webhook.event)):
                world.receive(webhook)
        for later in (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1), timedelta(days=6)):
            world.pass_time(later.total_seconds(), punctual=not self.tasks_lost)
            world.sweep_payments()
            world.check()
        for payout_id in world.payouts():
            if world.snapshot["payouts"][payout_id]["status"] == "pending":
                world.settle_withdrawal(payout_id, "paid")
        world.check()
        findings = list(checks.collected(snapshot.take(world.db, world.now), world.provider))
        assert not findings, "\n".join(findings)

    def _the_sweep_finds(self, event: Any) -> bool:
        """The sweep asks about orders that are not paid yet: of the first payment it needs no webhook."""
        of_order = [p for p in self.world.provider.payments.values() if p.order_id == event.payment.order_id]
        return event.refund is None and len(of_order) == 1

"""Random lives of withdrawals: a provider whose answers are lost, late or refusals, a Firestore that fails, tasks and
webhooks that are lost, repeated and reordered, a person at the console. Run as test_simulation.py is."""

import os
from typing import TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies._internal.featureflags import FeatureFlags

from konnect.payouts import console, sweeps, tasks
from konnect.store import transaction
from tests.support import give

from . import payout_checks
from .bank import TROUBLES, Trouble
from .faults import Fault
from .frame import Faults, fail
from .payouts import PayoutWorld

EXAMPLES = 20
STEPS = 40
UIDS = ("asha", "ravi")
EARNED_PAISE = 4_000_00

index = st.integers(min_value=0, max_value=10)
troubles = st.sampled_from(TROUBLES)
waits = st.sampled_from((0, 0, 1, 30, 121, 400, 620, 901, 1900))
faults = st.one_of(st.just(()), st.just(()), st.tuples(st.sampled_from(list(Fault))))
T = TypeVar("T")
Attempt = tuple[Trouble | None, float, bool]
"""What goes wrong with it, what passes then, and whether what is under way arrives then."""
LATE: Attempt = ("late", 0, False)
attempts = st.one_of(
    st.lists(st.tuples(troubles, waits, st.booleans()), min_size=1, max_size=4),
    # What is dangerous, and chance alone finds seldom: a request that was given up arrives after the next.
    st.sampled_from([[LATE, ("refused", 30, True)], [LATE, (None, 30, True)], [LATE, ("busy", 901, True)]]),
)


def pick(found: list[T], which: int) -> T | None:
    """One of them, counted from the newest."""
    return found[-1 - which % len(found)] if found else None


class Withdrawals(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = PayoutWorld()
        self.webhooks_lost = False

    @initialize(with_details=st.booleans(), webhooks_lost=st.booleans())
    def begin(self, with_details: bool, webhooks_lost: bool) -> None:
        self.webhooks_lost = webhooks_lost
        for uid in UIDS:
            give(self.world.ctx, uid, EARNED_PAISE, part="earned")
            if with_details:
                self.world.give_details(uid, 0)
        self.world.check()

    def after(self, seconds: float) -> None:
        self.world.pass_on(seconds)

    @rule(wait=waits, uid=st.sampled_from(UIDS), which=index, faults=faults)
    def details_are_given(self, wait: float, uid: str, which: int, faults: Faults) -> None:
        self.after(wait)
        with self.world.step():
            self.world.give_details(uid, which, faults=faults)

    @rule(wait=waits, uid=st.sampled_from(UIDS), paise=st.sampled_from((100_00, 250_00, 333_33)), faults=faults)
    def somebody_withdraws(self, wait: float, uid: str, paise: int, faults: Faults) -> None:
        self.after(wait)
        with self.world.step():
            self.world.withdraw(uid, paise, faults=faults)

    @rule(
        wait=waits,
        which=index,
        attempts=attempts,
        starts_as=st.sampled_from(("processing", "queued")),
        faults=faults,
    )
    def a_task_comes(
        self,
        wait: float,
        which: int,
        attempts: list[Attempt],
        starts_as: str,
        faults: Faults,
    ) -> None:
        """Until it succeeds, or there is no more of it."""
        self.after(wait)
        task = pick(self.world.sends(), which)
        for trouble, then, arrives in attempts:
            if task is None or task not in self.world.tasks.waiting:
                return
            with self.world.step():
                self.world.send(task, trouble=trouble, starts_as=starts_as, faults=faults)
            self.world.check()
            self.after(then)
            if arrives:
                self.world.arrive()

    @rule(which=index)
    def a_task_is_lost(self, which: int) -> None:
        if task := pick(self.world.sends(), which):
            self.world.tasks.waiting.remove(task)

    @rule(wait=waits, which=index, moves=st.lists(index, max_size=2), told=st.sampled_from(("all", "last", "none")))
    def the_bank_says(self, wait: float, which: int, moves: list[int], told: str) -> None:
        """What is on its way arrives, and a payout goes on; its news come, or the latest alone, or none yet."""
        self.after(wait)
        bank = self.world.bank
        self.world.arrive()
        payout_id = pick(list(bank.payouts), which)
        if payout_id is None:
            return
        for move in moves:
            bank.move(payout_id, move)
            self.world.log(f"{payout_id}: {bank.payouts[payout_id].status}")
        news = [one for one in bank.webhooks if one.event.payout is not None and one.event.payout.id == payout_id]
        for webhook in {"all": news, "last": news[-1:], "none": []}[told]:
            with self.world.step():
                self.world.hear(webhook)
            self.world.check()

    @rule(which=index, times=st.integers(1, 2), faults=faults)
    def old_news_come(self, which: int, times: int, faults: Faults) -> None:
        if webhook := pick(self.world.bank.webhooks, which):
            for _ in range(times):
                with self.world.step():
                    self.world.hear(webhook, faults=faults)

    @rule(wait=waits, trouble=troubles, faults=faults)
    def the_sweep_runs(self, wait: float, trouble: Trouble | None, faults: Faults) -> None:
        self.after(wait)
        with self.world.step():
            self.world.sweep_payouts(trouble=trouble, faults=faults)

    @rule(wait=waits, which=index, outcome=st.sampled_from(("paid", "failed")), trouble=troubles, faults=faults)
    def a_person_settles(self, wait: float, which: int, outcome: str, trouble: Trouble | None, faults: Faults) -> None:
        self.after(wait)
        if payout_id := pick(self.world.payouts(), which):
            self.world.bank.trouble = trouble
            with self.world.step():
                self.world.settle_by_hand(payout_id, outcome, faults=faults)
            self.world.bank.trouble = None

    @invariant()
    def all_is_well(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        try:
            if self.world.sound:
                self._comes_to_rest()
        finally:
            self.world.close()

    def _comes_to_rest(self) -> None:
        """The provider brings what it has to an end, and tells of it or not; a person settles what waits."""
        world, bank = self.world, self.world.bank
        world.arrive()
        for days in (0.1, 0.3, 1.1, 1, 1, 4):
            for payout_id, payout in list(bank.payouts.items()):
                if payout.status in {"queued", "processing"}:
                    bank.move(payout_id, 0)
            for webhook in bank.webhooks:
                if not webhook.delivered and not self.webhooks_lost:
                    world.hear(webhook)
            world.pass_on(days * 86400)
            world.sweep_payouts()
            world.check()
        for payout_id in world.payouts():
            if world.snapshot["payouts"][payout_id]["status"] == "pending":
                world.settle_by_hand(payout_id, "paid")
        world.check()
        fail(payout_checks.payouts_collected(world.snapshot, bank))
        world.reconcile()


@pytest.mark.timeout(3600)
def test_each_withdrawal_is_paid_once_or_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "FIRST_DELAY_S", 0.0)
    # By default an example does without some of the rules (swarm testing), so that a few dozen see too little.
    monkeypatch.setattr(stateful, "FeatureStrategy", lambda **_: st.just(FeatureFlags()))
    examples = int(os.environ.get("SIMULATION_EXAMPLES", EXAMPLES))

    class Simulated(Withdrawals):
        def __init__(self) -> None:
            super().__init__()
            for module in (tasks, sweeps, console):
                monkeypatch.setattr(module, "payout_gateway", lambda _: self.world.bank)

    hypothesis.seed(int(os.environ.get("SIMULATION_SEED", "1")))(Simulated)
    stateful.run_state_machine_as_test(
        Simulated,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if "SIMULATION_SHRINK" in os.environ else (Phase.generate,),
        ),
    )

"""Random lives of a small platform in a hostile environment, on the real code and the Firestore emulator.

A failure prints its steps, each with what it did and what was answered; SIMULATION_SHRINK=1 looks for the shortest,
which takes minutes. The examples are the same in each run; SIMULATION_EXAMPLES=500 runs more, SIMULATION_SEED=7 others.
"""

import os

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings, stateful
from hypothesis import strategies as st
from hypothesis.strategies._internal.featureflags import FeatureFlags

from konnect import platform
from konnect.payments import gateways, razorpay_sweep
from konnect.payouts import console as payout_console
from konnect.payouts import sweeps as payout_sweeps
from konnect.payouts import tasks as payout_tasks
from konnect.store import transaction

from .machine import Platform

EXAMPLES = 16
STEPS = 50


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is simulated: no back-off between attempts, no minute-old configuration."""
    monkeypatch.setattr(transaction, "FIRST_DELAY_S", 0.0)
    monkeypatch.setattr(platform, "CACHE_S", 0.0)


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_no_waiting")
def test_the_books_are_right_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = int(os.environ.get("SIMULATION_EXAMPLES", EXAMPLES))
    seed = int(os.environ.get("SIMULATION_SEED", "1"))

    # By default an example does without some of the rules (swarm testing), so a few dozen might never see an absence.
    monkeypatch.setattr(stateful, "FeatureStrategy", lambda **_: st.just(FeatureFlags()))

    class Simulated(Platform):
        def __init__(self) -> None:
            super().__init__()
            # The task that collects a payment and the sweeps find their gateway by themselves.
            monkeypatch.setattr(gateways, "of", lambda *_: self.world.provider)
            monkeypatch.setattr(razorpay_sweep, "gateway", lambda _: self.world.provider)
            for payouts in (payout_tasks, payout_sweeps, payout_console):
                monkeypatch.setattr(payouts, "payout_gateway", lambda _: self.world.bank)

    hypothesis.seed(seed)(Simulated)
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

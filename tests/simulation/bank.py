"""RazorpayX as the simulation has it: fund accounts, payouts, and the events about them. Implements PayoutGateway.

`trouble` is what goes wrong with the next payout that is asked for. A request whose answer was given up may still
arrive within SETTLES_AFTER, and does so when `arrive` is called.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from konnect.errors import Unavailable
from konnect.integrations.razorpay.entities import FundAccount, Payout
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.payouts import BankAccount, Destination, PayoutRequest
from konnect.integrations.razorpay.webhook import Event
from konnect.payouts.policy import SETTLES_AFTER

from .provider import Webhook

Trouble = Literal["lost", "late", "down", "refused", "keys", "busy", "blind"]
TROUBLES: tuple[Trouble | None, ...] = (None, None, None, "lost", "late", "down", "refused", "keys", "busy", "blind")
NEXT = {
    "queued": ("processing", "cancelled"),
    "processing": ("processed", "failed", "reversed"),
    "processed": ("reversed",),
}
RETURNED = {"failed", "reversed", "cancelled"}


def refused(status: int) -> Refused:
    return Refused("injected: refused", provider_status=status, shown={"description": "no such account"}, details=None)


@dataclass(frozen=True)
class UnderWay:
    """A request on its way to the provider, which nobody waits for any more."""

    request: PayoutRequest
    sent_at: datetime


class Bank:
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.payouts: dict[str, Payout] = {}
        self.webhooks: list[Webhook] = []
        self.under_way: list[UnderWay] = []
        self.trouble: Trouble | None = None
        self.starts_as = "processing"
        self._clock = clock
        self._answers: dict[str, tuple[PayoutRequest, Payout]] = {}
        self._accounts: dict[tuple[str, str], FundAccount] = {}

    # PayoutGateway

    def create_contact(self, *, name: str, reference_id: str) -> str:
        return f"cont_{reference_id}"

    def create_fund_account(self, contact_id: str, destination: Destination) -> FundAccount:
        where = destination.number if isinstance(destination, BankAccount) else destination.address
        made = FundAccount(f"fa_{len(self._accounts) + 1}", True, "A Bank")
        return self._accounts.setdefault((contact_id, where), made)

    def create_payout(self, request: PayoutRequest) -> Payout:
        trouble, self.trouble = self.trouble, None
        if trouble in {"down", "late"}:
            if trouble == "late":
                self.under_way.append(UnderWay(request, self._clock()))
            raise Unavailable("injected: no answer")
        if trouble in {"refused", "keys", "busy"} and request.idempotency_key not in self._answers:
            raise refused({"refused": 400, "keys": 401, "busy": 409}[str(trouble)])
        answer = self._create(request)
        if trouble == "lost":
            raise Unavailable("injected: the provider's answer is lost")
        return answer

    def fetch_payout(self, payout_id: str) -> Payout:
        self._see()
        return self.payouts[payout_id]

    def payouts_of(self, account_number: str, reference_id: str) -> list[Payout]:
        self._see()
        return [payout for payout in self.payouts.values() if payout.reference_id == reference_id]

    def _see(self) -> None:
        if self.trouble == "blind":
            self.trouble = None
            raise Unavailable("injected: can't be asked")

    # What happens there

    def arrive(self) -> None:
        """What is under way arrives, unless it has been for too long."""
        waiting, self.under_way = self.under_way, []
        for one in waiting:
            if self._clock() - one.sent_at < SETTLES_AFTER:
                self._create(one.request)

    def may_arrive(self, reference_id: str) -> bool:
        return any(
            one.request.reference_id == reference_id and self._clock() - one.sent_at < SETTLES_AFTER
            for one in self.under_way
        )

    def move(self, payout_id: str, which: int) -> None:
        """The bank's word: one of the states that come next."""
        states = NEXT.get(self.payouts[payout_id].status, ())
        if states:
            self._to(payout_id, states[which % len(states)])

    def _create(self, request: PayoutRequest) -> Payout:
        if request.idempotency_key in self._answers:
            before, answer = self._answers[request.idempotency_key]
            assert before == request, f"another body under the key of {before}"
            return answer
        made = Payout(
            id=f"pout_{len(self.payouts) + 1}",
            fund_account_id=request.fund_account_id,
            amount_paise=request.amount_paise,
            currency="INR",
            status="",
            reference_id=request.reference_id,
        )
        self.payouts[made.id] = made
        self._answers[request.idempotency_key] = request, self._to(made.id, self.starts_as)
        return self.payouts[made.id]

    def _to(self, payout_id: str, status: str) -> Payout:
        moved = replace(self.payouts[payout_id], status=status, utr="u1" if status == "processed" else "")
        self.payouts[payout_id] = moved
        self.webhooks.append(Webhook(Event(f"pevt_{len(self.webhooks) + 1}", f"payout.{status}", payout=moved)))
        return moved

"""Money out: what the machines' rules do with withdrawals."""

from datetime import timedelta
from typing import Any

from konnect import idempotency
from konnect.errors import KonnectError, Unavailable
from konnect.integrations.razorpay.payouts import BankAccount, Vpa
from konnect.payments import webhook
from konnect.payouts import console, details, sweeps, tasks, withdrawals
from konnect.tasks import Task

from . import snapshot
from .bank import Trouble
from .frame import Faults, Frame
from .provider import Webhook

SEND = "/payouts/send"
DESTINATIONS = (BankAccount("Asha Rao", "765432123456789", "HDFC0000053"), Vpa("asha@ybl"))


class PayoutWorld(Frame):
    def __init__(self) -> None:
        super().__init__()
        self.keys: list[tuple[str, int, str]] = []
        """(uid, amount in paise, Idempotency-Key) of the withdrawals asked for."""
        self._withdrawals = 0

    def pass_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def arrive(self) -> None:
        """What is on its way to the provider arrives."""
        before = len(self.bank.payouts)
        self.bank.arrive()
        if len(self.bank.payouts) > before:
            self.log("what was given up arrives")
            self.recheck()

    def sends(self) -> list[Task]:
        return [task for task in self.tasks.waiting if task.path == SEND]

    def send(self, task: Task, *, trouble: Trouble | None = None, starts_as: str = "processing", **call: Any) -> None:
        """The task comes once; unless it succeeds, it comes again."""
        self.bank.trouble, self.bank.starts_as = trouble, starts_as
        what = f"task {' '.join(str(part) for part in task.key)} ({trouble})"
        answer = self.call(what, lambda: tasks.send(self.ctx, task.payload, self.now), **call)
        assert not isinstance(answer, KonnectError) or isinstance(answer, Unavailable), f"{what}: refused for ever"
        if not isinstance(answer, KonnectError):
            self.tasks.waiting.remove(task)
        self.bank.trouble = None

    def give_details(self, uid: str, which: int, *, faults: Faults = ()) -> None:
        destination = DESTINATIONS[which % len(DESTINATIONS)]
        answer = self.call(
            f"{uid} is paid to {type(destination).__name__}",
            lambda: details.change(self.ctx, self.bank, uid, destination, now=self.now),
            faults=faults,
        )
        assert not isinstance(answer, KonnectError) or isinstance(answer, Unavailable), answer

    def withdraw(
        self, uid: str, amount_paise: int, *, keyed: bool = True, again: str | None = None, faults: Faults = ()
    ) -> None:
        """With a key of its own, without one, or `again` with a former one. An answer is one payout, a refusal none; a
        503 may be either."""
        self._withdrawals += 1
        request_id = f"w{self._withdrawals}"
        key = again or (request_id if keyed else None)
        of = idempotency.key(uid, "withdraw", key, {"amountPaise": amount_paise})
        before = set(self.snapshot["payouts"])
        answer = self.call(
            f"{uid} withdraws {amount_paise} (key {key})",
            lambda: self.ctx.run(
                lambda tx: withdrawals.withdraw(tx, uid, amount_paise, key=of, request_id=request_id, now=self.now)
            ),
            faults=faults,
        )
        made = set(snapshot.take(self.db, self.now)["payouts"]) - before
        if isinstance(answer, Unavailable):
            assert len(made) <= 1
        elif isinstance(answer, KonnectError):
            assert (answer.code, made) == ("INSUFFICIENT_BALANCE", set()), f"{answer.code}, and made {made}"
        else:
            assert made == {answer["transactionId"]} or (again and not made), f"{answer['transactionId']} made {made}"
        if key and not again:
            self.keys.append((uid, amount_paise, key))

    def settle_by_hand(self, payout_id: str, outcome: str, *, faults: Faults = ()) -> None:
        """As from the console. Refused where the provider may pay, or it is settled otherwise."""
        payload = {"payoutId": payout_id, "outcome": outcome}
        answer = self.call(
            f"payout {payout_id[:6]} {outcome} by hand",
            lambda: console.settle_withdrawal(self.ctx, payload, self.now),
            faults=faults,
        )
        if isinstance(answer, KonnectError) and not isinstance(answer, Unavailable):
            assert answer.code in {"PAYOUT_SETTLED", "PAYOUT_AT_PROVIDER"}, answer.code

    def hear(self, of: Webhook, *, faults: Faults = ()) -> None:
        event = of.event
        assert event.payout is not None
        what = f"webhook {event.id} {event.name} {event.payout.id}"
        answer = self.call(what, lambda: webhook.handle(self.ctx, event, self.now), faults=faults)
        assert not isinstance(answer, KonnectError) or isinstance(answer, Unavailable), f"{what}: {answer!r}"
        assert answer not in {"mismatch", "contradiction"}, f"{what}: {answer}"
        of.delivered += not isinstance(answer, KonnectError)

    def sweep_payouts(self, *, trouble: Trouble | None = None, faults: Faults = ()) -> None:
        self.bank.trouble = trouble
        answer = self.call(
            "sweep of payouts", lambda: sweeps.sweep(self.ctx, {}, self.now, clock=lambda: self.now), faults=faults
        )
        assert not isinstance(answer, KonnectError) or faults, answer
        self.bank.trouble = None

    def payouts(self) -> list[str]:
        found = self.snapshot["payouts"]
        return sorted(found, key=lambda key: (found[key]["createdAt"], found[key]["amountPaise"]))

    def earners(self) -> list[tuple[str, int]]:
        """Who can withdraw, and how much in paise."""
        found = self.snapshot["wallets"]
        return [(uid, found[uid]["withdrawablePaise"]) for uid in sorted(found) if found[uid]["withdrawablePaise"]]

"""A till: the API, an expert who has earned, and RazorpayX's sandbox, whose webhooks go to the API."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.config import Settings
from konnect.context import Context
from konnect.integrations.razorpay.payouts import RazorpayPayouts
from konnect.notifications import templates
from konnect.payouts import sweeps, tasks
from konnect.reconciliation.service import reconcile
from konnect.store import Doc
from local.sandboxes.razorpay import RazorpaySandbox
from local.sandboxes.razorpay.server import ACCOUNT_NUMBER
from tests.payments.api import Api, User
from tests.payments.conftest import Shop
from tests.payments.gateway import Running, opening, running, settings_of
from tests.support import give, kept_tasks, sum_of_all_legs, wallet_of

PAYOUT_SECRET = "payout-webhook-secret"
UID = "asha"
BANK = {
    "method": "bank_transfer",
    "bankAccount": {"accountHolder": "Asha Rao", "accountNumber": "765432123456789", "ifscCode": "HDFC0000053"},
}
UPI = {"method": "upi", "upiId": "asha.rao@okhdfcbank"}
EARNED_PAISE = 1_000_00


class Till(Shop):
    def __init__(self, ctx: Context, api: Api, sandbox: RazorpaySandbox, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(ctx, api, sandbox, loop)
        self.expert: User = api.user(UID, role="expert")

    # The expert

    def earn(self, paise: int = EARNED_PAISE, uid: str = UID) -> None:
        self.ctx.run(
            lambda tx: tx.set(("users", uid), {"name": "Asha Rao", "email": f"{uid}@konnect.test", "disabled": False})
        )
        give(self.ctx, uid, paise, part="earned")

    def details(self, body: Doc = BANK) -> Doc:
        response = self.expert.call("PUT", "/api/mentors/payout-details", body)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def withdraw(self, rupees: float = 400, *, key: str | None = None) -> str:
        response = self.expert.post("/api/wallet/withdraw", {"amount": rupees}, key=key)
        assert response.status_code == 201, response.text
        return str(response.json()["transactionId"])

    def shown(self, payout_id: str) -> tuple[str, str | None]:
        """(status, failureReason) as the expert sees them."""
        found = self.expert.get(f"/api/wallet/transactions/{payout_id}").json()
        return found["status"], found["failureReason"]

    def told(self, uid: str = UID) -> list[str]:
        """The types, of notifications whose mails say what they are to."""
        found = [one for one in self.all("notifications") if one["userId"] == uid]
        for one in found:
            assert templates.content(one)
        return sorted(one["type"] for one in found)

    # Us

    def send(self, payout_id: str, now: datetime | None = None) -> None:
        """The payout's task comes."""
        assert kept_tasks(self.ctx).keyed("payout", payout_id)
        tasks.send(self.ctx, {"payoutId": payout_id}, now or clock.now())

    def sent(self, rupees: float = 400, outcome: str = "processed") -> str:
        """A withdrawal whose task has come; the provider's payout comes to `outcome`."""
        self.fault(payouts={"outcome": outcome})
        payout_id = self.withdraw(rupees)
        self.send(payout_id)
        self.drain()
        return payout_id

    def sweep(self, after: timedelta) -> dict[str, int]:
        return sweeps.sweep(self.ctx, {}, clock.now() + after, clock=lambda: clock.now() + after)

    def payout(self, payout_id: str) -> Doc:
        found = self.ctx.db.get("payouts", payout_id)
        assert found is not None
        return found

    # RazorpayX

    @property
    def gateway(self) -> RazorpayPayouts:
        return RazorpayPayouts(self.ctx.settings)

    def provider_payouts(self, payout_id: str) -> list[Doc]:
        query = f"account_number={ACCOUNT_NUMBER}&count=100&reference_id={payout_id}"
        return list(self._sandbox("GET", f"/v1/payouts?{query}")["items"])

    def provider_payout(self, payout_id: str) -> Doc:
        [found] = self.provider_payouts(payout_id)
        return dict(found)

    def move(self, payout_id: str, status: str) -> None:
        """The bank's word on a payout; returns when its webhooks are through."""
        self._sandbox("POST", f"/sandbox/payouts/{self.provider_payout(payout_id)['id']}", {"status": status})
        self.drain()

    def tell_again(self, payout_id: str, **which: Any) -> list[int]:
        return self.redeliver(payout_id=self.provider_payout(payout_id)["id"], **which)

    def event_of(self, entity: Doc, **options: Any) -> requests.Response:
        return self.event(f"payout.{entity['status']}", {"payout": entity}, **{"secret": PAYOUT_SECRET, **options})

    # What must hold

    def check(self, payout_id: str, status: str, *, left_paise: int, rupees: float = 400) -> Doc:
        """The payout's state, its transaction, the wallet, the movements; and the books as a whole."""
        payout = self.payout(payout_id)
        assert payout["status"] == status
        open_now = status in {"pending", "processing"}
        assert payout["heldPaise"] == (payout["amountPaise"] if open_now else 0)
        assert payout["amountPaise"] == rupees * 100
        wire = {"paid": "completed", "failed": "failed", "reversed": "failed"}.get(status, "pending")
        assert self.shown(payout_id)[0] == wire
        assert wallet_of(self.ctx, UID)["withdrawablePaise"] == left_paise
        self.check_books()
        return payout

    def check_books(self) -> None:
        assert sum_of_all_legs(self.ctx) == 0
        assert reconcile(self.ctx).differences == []

    def check_paid_once(self, payout_id: str) -> None:
        """One payout at the provider, one movement out."""
        assert len(self.provider_payouts(payout_id)) == 1
        kinds = [m["kind"] for m in self.all("movements") if m["subject"].get("payout") == payout_id]
        assert sorted(kinds) == ["withdrawal", "withdrawal.paid"]


@pytest.fixture
def razorpay() -> Iterator[Running]:
    """Each test has its own: the account has a balance, and a person is one contact."""
    with running(payout_webhook_secret=PAYOUT_SECRET) as made:
        yield made


@pytest.fixture
def settings(razorpay: Running) -> Settings:
    more = {"razorpayx_account_number": ACCOUNT_NUMBER, "razorpayx_webhook_secret": PAYOUT_SECRET}
    return settings_of(razorpay[0], **more)


@pytest.fixture
def open_till(razorpay: Running, settings: Settings) -> Iterator[Callable[..., Till]]:
    """Make a till, with settings changed as named; its expert has earned 1,000 INR."""
    with opening(Till, razorpay, settings) as make:

        def earned(**changed: Any) -> Till:
            till = make(**changed)
            till.earn()
            return till

        yield earned


@pytest.fixture
def till(open_till: Callable[..., Till]) -> Till:
    return open_till()

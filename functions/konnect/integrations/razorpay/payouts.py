"""RazorpayX: contacts, fund accounts and payouts, over the official client's transport (it has no payout resource).

Razorpay's own rules make repeats harmless: the same contact or fund account again is answered with the first one, and a
payout's idempotency key stands for one payout for good.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Protocol
from urllib.parse import quote

from konnect.config import Settings
from konnect.integrations.answers import listed, parsed
from konnect.money import CURRENCY

from .entities import PROVIDER, FundAccount, Payout, id_of

CONTACT_TYPE = "vendor"
PURPOSE = "payout"
PAYOUTS_A_PAGE = 100


@dataclass(frozen=True)
class BankAccount:
    """Where money goes. Its number is passed on and never kept here, nor shown by a log."""

    holder: str
    number: str = field(repr=False)
    ifsc: str

    @property
    def body(self) -> dict[str, Any]:
        account = {"name": self.holder, "ifsc": self.ifsc, "account_number": self.number}
        return {"account_type": "bank_account", "bank_account": account}


@dataclass(frozen=True)
class Vpa:
    """A UPI address."""

    address: str = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        return {"account_type": "vpa", "vpa": {"address": self.address}}


Destination = BankAccount | Vpa


@dataclass(frozen=True)
class PayoutRequest:
    """A payout to be made. Every field is the same in each attempt: Razorpay refuses a key with another body.

    `reference_id` (at most 40 characters) is our payout's id; `idempotency_key` (4 to 36) makes every attempt one and
    the same; `narration` has at most 30 letters, digits and spaces; `notes` are for people who look at the dashboard.
    """

    account_number: str
    fund_account_id: str
    amount_paise: int
    mode: str
    reference_id: str
    idempotency_key: str
    narration: str
    notes: dict[str, str]


class PayoutGateway(Protocol):
    """Each call raises Unavailable (unknown whether it was done: ask, or repeat it as it was) or Refused."""

    def create_contact(self, *, name: str, reference_id: str) -> str:
        """A contact's id; the same name and reference again have the same one."""

    def create_fund_account(self, contact_id: str, destination: Destination) -> FundAccount:
        """Somewhere to pay to; the same destination again is the same fund account."""

    def create_payout(self, request: PayoutRequest) -> Payout:
        """Pay. A repeat with the same key is answered with the first answer, as it was then."""

    def fetch_payout(self, payout_id: str) -> Payout: ...

    def payouts_of(self, account_number: str, reference_id: str) -> list[Payout]:
        """What Razorpay has under our reference: none, or one."""


class RazorpayPayouts:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        from .transport import official_client

        return official_client(self._settings)

    def create_contact(self, *, name: str, reference_id: str) -> str:
        contact = self._client.post("/v1/contacts", {"name": name, "type": CONTACT_TYPE, "reference_id": reference_id})
        return parsed(PROVIDER, id_of, contact)

    def create_fund_account(self, contact_id: str, destination: Destination) -> FundAccount:
        return parsed(
            PROVIDER,
            FundAccount.parse,
            self._client.post("/v1/fund_accounts", {"contact_id": contact_id, **destination.body}),
        )

    def create_payout(self, request: PayoutRequest) -> Payout:
        body = {
            "account_number": request.account_number,
            "fund_account_id": request.fund_account_id,
            "amount": request.amount_paise,
            "currency": CURRENCY,
            "mode": request.mode,
            "purpose": PURPOSE,
            "queue_if_low_balance": True,
            "reference_id": request.reference_id,
            "narration": request.narration,
            "notes": request.notes,
        }
        headers = {"X-Payout-Idempotency": request.idempotency_key}
        return parsed(PROVIDER, Payout.parse, self._client.post("/v1/payouts", body, headers=headers))

    def fetch_payout(self, payout_id: str) -> Payout:
        return parsed(PROVIDER, Payout.parse, self._client.get(f"/v1/payouts/{quote(payout_id, safe='')}", {}))

    def payouts_of(self, account_number: str, reference_id: str) -> list[Payout]:
        query = {"account_number": account_number, "reference_id": reference_id, "count": PAYOUTS_A_PAGE}
        found = listed(PROVIDER, Payout.parse, self._client.get("/v1/payouts", query), "items")
        # The filter is theirs; that what comes back is ours decides about money.
        return [payout for payout in found if payout.reference_id == reference_id]


@lru_cache(maxsize=8)
def payout_gateway(settings: Settings) -> PayoutGateway:
    """The gateway of these settings: one connection pool a process."""
    return RazorpayPayouts(settings)

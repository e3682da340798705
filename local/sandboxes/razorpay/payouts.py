"""RazorpayX's payouts: from one account, in the order of its balance, ended at once unless a fault says otherwise."""

import hashlib
import json
import re
import secrets
import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.contacts import reference_of, text_of
from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError, not_applicable
from local.sandboxes.razorpay.http import amount_of, check_currency, notes_of, page_of, read_fields
from local.sandboxes.razorpay.state import Entity, new_id
from local.sandboxes.razorpay.webhooks import event_of

FIELDS = (
    "account_number",
    "fund_account_id",
    "amount",
    "currency",
    "mode",
    "purpose",
    "queue_if_low_balance",
    "reference_id",
    "narration",
    "notes",
)
MODES = {"bank_account": ("NEFT", "RTGS", "IMPS"), "vpa": ("UPI",)}
PURPOSES = ("refund", "cashback", "payout", "salary", "utility bill", "vendor bill")
KEY = re.compile(r"[A-Za-z0-9_\- ]{4,36}")
NARRATION = re.compile(r"[A-Za-z0-9 ]{0,30}")
OPENING_BALANCE_PAISE = 1_00_00_000_00
UPI_LIMIT_PAISE, IMPS_LIMIT_PAISE, RTGS_LEAST_PAISE = 1_00_000_00, 5_00_000_00, 2_00_000_00

NEXT = {
    "pending": ("queued", "processing", "rejected"),
    "queued": ("processing", "cancelled", "failed"),
    "processing": ("processed", "reversed", "failed"),
    "processed": ("reversed",),
}
"""Where a payout can go from a state; the others are final."""
EVENTS = {"processing": "initiated", "cancelled": "updated"}
"""The events that are not called as the state is."""
TAKEN = {"processing", "processed"}
"""States in which the amount is out of the account."""
SAID: dict[str, tuple[str, str, str]] = {
    "pending": ("The payout waits for approval", "internal", "pending_approval"),
    "queued": (
        "Payout is queued as there is insufficient balance in your business account to process the payout",
        "business",
        "low_balance",
    ),
    "processing": ("Payout is being processed by our partner bank", "partner_bank", "payout_bank_processing"),
    "processed": ("Payout is processed and the money has been credited", "beneficiary_bank", "payout_processed"),
    "reversed": ("The beneficiary bank has returned the money", "beneficiary_bank", "beneficiary_bank_rejected"),
    "failed": ("The beneficiary bank is not available", "beneficiary_bank", "beneficiary_bank_offline"),
    "cancelled": ("The payout was cancelled", "business", "payout_cancelled"),
    "rejected": ("The payout was rejected by an approver", "business", "payout_rejected"),
}


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("X-Payout-Idempotency")
    if key is None:
        missing = "Idempotency key is missing. Include idempotency header and key in the request."
        raise RazorpayError(missing, field="X-Payout-Idempotency")
    if not KEY.fullmatch(key):
        limit = "The idempotency key must have 4 to 36 letters, digits, hyphens, underscores or spaces."
        raise RazorpayError(limit, field="X-Payout-Idempotency")
    return f"payout:{key}"


class Payouts:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/payouts", self.create),
            web.get("/v1/payouts", self.list_all),
            web.get("/v1/payouts/{payout_id}", self.fetch),
            web.post("/v1/payouts/{payout_id}/cancel", self.cancel),
            web.get("/sandbox/balance", self.balance),
            web.post("/sandbox/balance", self.add_balance),
            web.post("/sandbox/payouts/{payout_id}", self.move),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Pay from the account. The header `X-Payout-Idempotency` is mandatory: a repeat gets the first answer."""
        body = await read_fields(request, FIELDS)
        key = _idempotency_key(request)
        fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        recorded = self._state.idempotency.get(key)
        if recorded is None:
            answer = self._create(body)
            # The answer of that moment: a repeat gets the same one, whatever became of the payout since.
            self._state.remember(key, {"fingerprint": fingerprint, "answer": answer})
            return web.json_response(answer)
        if recorded["fingerprint"] != fingerprint:
            raise RazorpayError("Different request body sent for the same Idempotency Header", field="")
        return web.json_response(recorded["answer"])

    async def list_all(self, request: web.Request) -> web.Response:
        """By `account_number`, which is required, and `reference_id`, `fund_account_id`, `status`."""
        self._check_account(request.query.get("account_number"))
        filters = ("reference_id", "fund_account_id", "status")
        wanted = {name: request.query[name] for name in filters if name in request.query}
        found = [p for p in self._state.all("payouts") if all(p[name] == value for name, value in wanted.items())]
        return page_of(request, found)

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._payout(request))

    async def cancel(self, request: web.Request) -> web.Response:
        payout = self._payout(request)
        if payout["status"] != "queued":
            raise RazorpayError("Only queued payouts can be cancelled")
        self._core.webhooks.emit(*self._move(payout, "cancelled"))
        return web.json_response(payout)

    async def balance(self, request: web.Request) -> web.Response:
        return web.json_response({"balance": self._balance})

    async def add_balance(self, request: web.Request) -> web.Response:
        """Add {"amount": paise, may be negative} to the account. Queued payouts that it covers are made, first come
        first."""
        amount = (await read_fields(request, ("amount",))).get("amount")
        if not isinstance(amount, int) or isinstance(amount, bool) or self._balance + amount < 0:
            raise RazorpayError("The amount must be a number of paise that leaves no debt.", field="amount")
        self._add(amount)
        for payout in self._state.all("payouts"):
            low = payout["status_details"]["reason"] == "low_balance"
            if payout["status"] == "queued" and low and payout["amount"] <= self._balance:
                self._core.webhooks.emit(*self._move(payout, "processing"), *self._move(payout, "processed"))
        return web.json_response({"balance": self._balance})

    async def move(self, request: web.Request) -> web.Response:
        """The bank's word, or an approver's: {"status": the state that the payout comes to, "reason"?}."""
        payout = self._payout(request)
        body = await read_fields(request, ("status", "reason"))
        status = body.get("status")
        allowed = NEXT.get(payout["status"], ())
        if status not in allowed:
            can = f"it can become {', '.join(allowed)}" if allowed else "it is final"
            raise RazorpayError(f"The payout is {payout['status']}: {can}.", field="status")
        self._core.webhooks.emit(*self._move(payout, status, body.get("reason")))
        return web.json_response(payout)

    def _payout(self, request: web.Request) -> Entity:
        return self._state.payout(request.match_info["payout_id"])

    def _create(self, body: dict[str, Any]) -> Entity:
        self._check_account(body.get("account_number"))
        account = self._state.get("fund_accounts", "fa_", text_of(body, "fund_account_id", 1, 64))
        amount = amount_of(body)
        check_currency(body, required=True)
        mode = self._mode(body, account, amount)
        if body.get("purpose") not in PURPOSES:
            raise RazorpayError(f"Invalid purpose: {body.get('purpose')}", field="purpose")
        narration = body.get("narration")
        if narration is not None and not (isinstance(narration, str) and NARRATION.fullmatch(narration)):
            raise RazorpayError("The narration may have 30 letters, digits and spaces at most.", field="narration")
        if not account["active"]:
            raise RazorpayError("Payouts cannot be created on an inactive fund account", field="fund_account_id")
        queue = body.get("queue_if_low_balance", False)
        payout = {
            "id": new_id("pout_"),
            "entity": "payout",
            "fund_account_id": account["id"],
            "amount": amount,
            "currency": "INR",
            "notes": notes_of(body),
            "fees": 0,
            "tax": 0,
            "status": "",
            "utr": None,
            "mode": mode,
            "purpose": body["purpose"],
            "reference_id": reference_of(body),
            "narration": narration,
            "batch_id": None,
            "failure_reason": None,
            "status_details": None,
            "created_at": int(time.time()),
        }
        outcome = self._core.faults.payout_outcome(payout)
        short = amount > self._balance
        if short and not queue:
            raise not_applicable("Your account does not have enough balance to carry out the payout operation.")
        self._state.add("payouts", payout)
        first = "queued" if short else outcome if outcome in ("pending", "queued") else "processing"
        events = self._move(payout, first)
        answer = dict(payout)
        if first == "processing" and outcome != "processing":
            events += self._move(payout, outcome)
        self._core.webhooks.emit(*events)
        return answer

    def _check_account(self, given: Any) -> None:
        if not given:
            raise RazorpayError("The account number field is required.", field="account_number")
        if given != self._core.account_number:
            raise RazorpayError("The account number is invalid.", field="account_number")

    def _mode(self, body: dict[str, Any], account: Entity, amount: int) -> str:
        mode = body.get("mode")
        if mode not in MODES[account["account_type"]]:
            raise RazorpayError(f"{mode} is not a valid mode for the fund account", field="mode")
        limits = {"UPI": UPI_LIMIT_PAISE, "IMPS": IMPS_LIMIT_PAISE}
        if amount > limits.get(mode, amount) or (mode == "RTGS" and amount < RTGS_LEAST_PAISE):
            raise RazorpayError(f"The amount is out of the range of {mode}", field="amount")
        return str(mode)

    def _move(self, payout: Entity, status: str, reason: str | None = None) -> list[Entity]:
        """Bring a payout to a state, with the account's balance, and return the events that tell it."""
        taken = payout["status"] in TAKEN
        description, source, code = SAID[status]
        if taken != (status in TAKEN):
            self._add(payout["amount"] if taken else -payout["amount"])
        payout["status"] = status
        payout["status_details"] = {"description": reason or description, "source": source, "reason": code}
        if status == "processed":
            payout["utr"] = str(secrets.randbelow(10**12)).zfill(12)
        elif status in ("reversed", "failed", "rejected"):
            payout["failure_reason"] = reason or description
        return [event_of(f"payout.{EVENTS.get(status, status)}", None, payout=payout)]

    @property
    def _balance(self) -> int:
        account = self._state.find("accounts", "balance")
        return int(account["balance"]) if account else OPENING_BALANCE_PAISE

    def _add(self, amount: int) -> None:
        self._state.add("accounts", {"id": "balance", "balance": self._balance + amount})

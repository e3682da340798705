"""RazorpayX's sandbox: contacts, fund accounts and payouts as its documentation has them; faults, the bank's word."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.sandboxes import background
from local.sandboxes.razorpay import RazorpaySandbox
from local.sandboxes.razorpay.payouts import OPENING_BALANCE_PAISE
from local.sandboxes.razorpay.server import ACCOUNT_NUMBER
from tests.local.razorpay_sandbox import (
    FAST,
    KEY_ID,
    KEY_SECRET,
    TIMEOUT_S,
    WEBHOOK_SECRET,
    Receiver,
    events,
    new_sandbox,
    post,
    settled,
)

PAYOUT_SECRET = "payout-secret"
CONTACT = {"name": "Asha Rao", "type": "vendor", "reference_id": "r-1"}
BANK = {"name": "Asha Rao", "ifsc": "HDFC0000053", "account_number": "765432123456789"}


@pytest.fixture
def sandbox() -> Iterator[RazorpaySandbox]:
    made = new_sandbox(None)
    with background(made):
        yield made


def call(sandbox: RazorpaySandbox, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
    return requests.request(
        method, sandbox.url + path, json=body, headers=headers, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S
    )


def made(response: requests.Response) -> dict[str, Any]:
    assert response.ok, response.text
    return dict(response.json())


def fund_account(sandbox: RazorpaySandbox, kind: str = "bank_account", details: Any = BANK) -> dict[str, Any]:
    contact = made(call(sandbox, "POST", "/v1/contacts", CONTACT))
    body = {"contact_id": contact["id"], "account_type": kind, kind: details}
    return made(call(sandbox, "POST", "/v1/fund_accounts", body))


def payout_body(account: dict[str, Any], **changed: Any) -> dict[str, Any]:
    body = {
        "account_number": ACCOUNT_NUMBER,
        "fund_account_id": account["id"],
        "amount": 40_000,
        "currency": "INR",
        "mode": "IMPS",
        "purpose": "payout",
        "queue_if_low_balance": True,
        "reference_id": "p-1",
        "narration": "Konnect earnings",
        "notes": {"uid": "asha"},
        **changed,
    }
    return {name: value for name, value in body.items() if value is not None}


def pay(sandbox: RazorpaySandbox, body: dict[str, Any], key: str | None = "key-1") -> requests.Response:
    headers = {"X-Payout-Idempotency": key} if key else {}
    return call(sandbox, "POST", "/v1/payouts", body, **headers)


def fault(sandbox: RazorpaySandbox, **fields: Any) -> None:
    post(sandbox, "/sandbox/faults", fields).raise_for_status()


def balance(sandbox: RazorpaySandbox) -> int:
    return int(requests.get(f"{sandbox.url}/sandbox/balance", timeout=TIMEOUT_S).json()["balance"])


# Contacts and fund accounts


def test_the_same_contact_and_fund_account_again_are_the_first(sandbox: RazorpaySandbox) -> None:
    first, again = (call(sandbox, "POST", "/v1/contacts", CONTACT) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = made(call(sandbox, "POST", "/v1/contacts", {**CONTACT, "name": "Asha R."}))
    assert other["id"] != first.json()["id"]
    account = fund_account(sandbox)
    assert fund_account(sandbox) == account
    assert account["bank_account"]["bank_name"] == "HDFC Bank"
    vpa = fund_account(sandbox, "vpa", {"address": "asha@ybl"})
    assert (vpa["vpa"]["username"], vpa["vpa"]["handle"]) == ("asha", "ybl")
    listed = made(call(sandbox, "GET", f"/v1/fund_accounts?contact_id={account['contact_id']}"))["items"]
    assert [one["id"] for one in listed] == [vpa["id"], account["id"]]
    assert made(call(sandbox, "GET", f"/v1/fund_accounts/{account['id']}")) == account
    assert made(call(sandbox, "GET", f"/v1/contacts/{account['contact_id']}"))["name"] == "Asha Rao"
    assert len(made(call(sandbox, "GET", "/v1/contacts"))["items"]) == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "Al"}, "name"),
        ({"name": "Asha -"}, "name"),
        ({"name": "आशा राव"}, "name"),
        ({"type": "mentor"}, "type"),
        ({"reference_id": "x" * 41}, "reference_id"),
    ],
)
def test_a_contact_that_is_refused(sandbox: RazorpaySandbox, changed: dict[str, Any], field: str) -> None:
    answer = call(sandbox, "POST", "/v1/contacts", {**CONTACT, **changed})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize(
    ("kind", "details", "field"),
    [
        ("bank_account", {**BANK, "ifsc": "HDFC000005"}, "ifsc"),
        ("bank_account", {**BANK, "ifsc": "HDFC1000053"}, "ifsc"),
        ("bank_account", {**BANK, "account_number": "12-34"}, "account_number"),
        ("bank_account", {**BANK, "name": ""}, "name"),
        ("bank_account", None, "bank_account"),
        ("vpa", {"address": "asha"}, "address"),
        ("card", {}, "account_type"),
    ],
)
def test_a_fund_account_that_is_refused(sandbox: RazorpaySandbox, kind: str, details: Any, field: str) -> None:
    contact = made(call(sandbox, "POST", "/v1/contacts", CONTACT))
    body = {"contact_id": contact["id"], "account_type": kind, kind: details}
    if kind == "card":
        del body["card"]
    answer = call(sandbox, "POST", "/v1/fund_accounts", body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


def test_a_fund_account_needs_a_contact(sandbox: RazorpaySandbox) -> None:
    body = {"contact_id": "cont_00000000000000", "account_type": "bank_account", "bank_account": BANK}
    assert call(sandbox, "POST", "/v1/fund_accounts", body).status_code == 400


# Payouts


def test_a_payout_and_the_events_about_it() -> None:
    receiver = Receiver()
    with receiver.running():
        sandbox = RazorpaySandbox(
            0,
            key_id=KEY_ID,
            key_secret=KEY_SECRET,
            webhook_secret=WEBHOOK_SECRET,
            payout_webhook_secret=PAYOUT_SECRET,
            webhook_url=receiver.url,
            retry=FAST,
        )
        with background(sandbox):
            answer = made(pay(sandbox, payout_body(fund_account(sandbox))))
            assert (answer["status"], answer["utr"]) == ("processing", None)
            found = settled(sandbox, 2, payout_id=answer["id"])
            there = made(call(sandbox, "GET", f"/v1/payouts/{answer['id']}"))
    assert (there["status"], len(there["utr"])) == ("processed", 12)
    assert [event["event"] for event in found] == ["payout.initiated", "payout.processed"]
    assert sorted(receiver.names()) == ["payout.initiated", "payout.processed"]
    from konnect.integrations.razorpay import signatures

    for headers, body in receiver.requests:
        assert signatures.verify(body.encode(), headers["x-razorpay-signature"], PAYOUT_SECRET)
        assert json.loads(body)["contains"] == ["payout"]
    last = json.loads(found[-1]["body"])["payload"]["payout"]["entity"]
    assert (last["status"], last["utr"], last["reference_id"]) == ("processed", there["utr"], "p-1")


def test_a_repeat_is_answered_as_the_first_was(sandbox: RazorpaySandbox) -> None:
    body = payout_body(fund_account(sandbox))
    first, again = made(pay(sandbox, body)), made(pay(sandbox, body))
    assert first == again
    assert balance(sandbox) == OPENING_BALANCE_PAISE - 40_000
    other = pay(sandbox, {**body, "amount": 50_000})
    assert (other.status_code, "Different request body" in other.text) == (400, True)
    second = made(pay(sandbox, body, key="key-2"))
    assert second["id"] != first["id"]
    listed = made(call(sandbox, "GET", f"/v1/payouts?account_number={ACCOUNT_NUMBER}&reference_id=p-1"))["items"]
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    none = made(call(sandbox, "GET", f"/v1/payouts?account_number={ACCOUNT_NUMBER}&reference_id=p-2"))
    assert none["count"] == 0


@pytest.mark.parametrize("key", [None, "abc", "x" * 37, "a/b/c"])
def test_the_idempotency_key_is_mandatory(sandbox: RazorpaySandbox, key: str | None) -> None:
    answer = pay(sandbox, payout_body(fund_account(sandbox)), key=key)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "X-Payout-Idempotency")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"account_number": None}, "account_number"),
        ({"account_number": "123"}, "account_number"),
        ({"amount": 99}, "amount"),
        ({"amount": 400.5}, "amount"),
        ({"amount": 5_00_000_01}, "amount"),
        ({"mode": "RTGS"}, "amount"),
        ({"mode": "UPI"}, "mode"),
        ({"mode": None}, "mode"),
        ({"currency": "USD"}, "currency"),
        ({"purpose": "fun"}, "purpose"),
        ({"narration": "x" * 31}, "narration"),
        ({"narration": "a-b"}, "narration"),
        ({"reference_id": "x" * 41}, "reference_id"),
        ({"fund_account_id": None}, "fund_account_id"),
    ],
)
def test_a_payout_that_is_refused(sandbox: RazorpaySandbox, changed: dict[str, Any], field: str) -> None:
    answer = pay(sandbox, payout_body(fund_account(sandbox), **changed))
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert balance(sandbox) == OPENING_BALANCE_PAISE
    assert events(sandbox) == []


def test_an_inactive_fund_account_and_one_that_is_not_there(sandbox: RazorpaySandbox) -> None:
    account = fund_account(sandbox)
    made(call(sandbox, "PATCH", f"/v1/fund_accounts/{account['id']}", {"active": False}))
    assert "inactive" in pay(sandbox, payout_body(account)).text
    assert pay(sandbox, payout_body({"id": "fa_00000000000000"}), key="key-2").status_code == 400


def test_a_low_balance_queues_or_refuses(sandbox: RazorpaySandbox) -> None:
    account = fund_account(sandbox)
    post(sandbox, "/sandbox/balance", {"amount": 50_000 - OPENING_BALANCE_PAISE}).raise_for_status()
    refused = pay(sandbox, payout_body(account, amount=60_000, queue_if_low_balance=False), key="none")
    assert "enough balance" in refused.text
    first = made(pay(sandbox, payout_body(account, amount=60_000), key="key-a"))
    second = made(pay(sandbox, payout_body(account, amount=40_000), key="key-b"))
    third = made(pay(sandbox, payout_body(account, amount=30_000), key="key-c"))
    assert [one["status"] for one in (first, second, third)] == ["queued", "processing", "queued"]
    made(call(sandbox, "POST", f"/v1/payouts/{third['id']}/cancel"))
    made(post(sandbox, "/sandbox/balance", {"amount": 50_000}))
    states = [made(call(sandbox, "GET", f"/v1/payouts/{one['id']}"))["status"] for one in (first, second, third)]
    assert states == ["processed", "processed", "cancelled"]
    assert balance(sandbox) == 0
    assert call(sandbox, "POST", f"/v1/payouts/{first['id']}/cancel").status_code == 400
    assert post(sandbox, "/sandbox/balance", {"amount": -1}).status_code == 400


@pytest.mark.parametrize(
    ("outcome", "answered", "names"),
    [
        ("processed", "processing", ["payout.initiated", "payout.processed"]),
        ("processing", "processing", ["payout.initiated"]),
        ("pending", "pending", ["payout.pending"]),
        ("queued", "queued", ["payout.queued"]),
        ("failed", "processing", ["payout.initiated", "payout.failed"]),
        ("reversed", "processing", ["payout.initiated", "payout.reversed"]),
    ],
)
def test_outcomes_on_request(sandbox: RazorpaySandbox, outcome: str, answered: str, names: list[str]) -> None:
    account = fund_account(sandbox)
    # For these alone: the narrower fault wins.
    fault(sandbox, payouts={"outcome": "failed"}) if outcome == "processed" else None
    fault(sandbox, notes={"uid": "asha"}, payouts={"outcome": outcome})
    answer = made(pay(sandbox, payout_body(account)))
    assert answer["status"] == answered
    there = made(call(sandbox, "GET", f"/v1/payouts/{answer['id']}"))
    assert there["status"] == outcome
    assert [event["event"] for event in events(sandbox, payout_id=answer["id"])] == names
    left = OPENING_BALANCE_PAISE - (40_000 if outcome in {"processed", "processing"} else 0)
    assert balance(sandbox) == left


@pytest.mark.parametrize(
    ("path", "last"),
    [
        (["processed", "reversed"], OPENING_BALANCE_PAISE),
        (["reversed"], OPENING_BALANCE_PAISE),
        (["failed"], OPENING_BALANCE_PAISE),
        (["processed"], OPENING_BALANCE_PAISE - 40_000),
    ],
)
def test_the_banks_word(sandbox: RazorpaySandbox, path: list[str], last: int) -> None:
    account = fund_account(sandbox)
    fault(sandbox, payouts={"outcome": "processing"})
    payout_id = made(pay(sandbox, payout_body(account)))["id"]
    for status in path:
        moved = made(post(sandbox, f"/sandbox/payouts/{payout_id}", {"status": status, "reason": "the bank says so"}))
        assert (moved["status"], moved["status_details"]["description"]) == (status, "the bank says so")
    assert balance(sandbox) == last
    for status in ("processing", "queued", "nonsense"):
        assert post(sandbox, f"/sandbox/payouts/{payout_id}", {"status": status}).status_code == 400


def test_an_effect_whose_answer_is_lost(sandbox: RazorpaySandbox) -> None:
    account = fund_account(sandbox)
    body = payout_body(account)
    fault(sandbox, notes={"uid": "asha"}, api={"status": 500, "applied": True, "times": 1, "method": "POST"})
    assert pay(sandbox, body).status_code == 500
    again = made(pay(sandbox, body))
    listed = made(call(sandbox, "GET", f"/v1/payouts?account_number={ACCOUNT_NUMBER}"))["items"]
    assert [one["id"] for one in listed] == [again["id"]]
    fault(sandbox, notes={"uid": "asha"}, api={"status": 503, "method": "GET"})
    assert call(sandbox, "GET", f"/v1/payouts/{again['id']}").status_code == 503
    assert call(sandbox, "GET", f"/v1/payouts?account_number={ACCOUNT_NUMBER}&reference_id=p-1").status_code == 503


def test_faults_that_are_refused(sandbox: RazorpaySandbox) -> None:
    assert post(sandbox, "/sandbox/faults", {"payouts": {"outcome": "lost"}}).status_code == 400
    assert post(sandbox, "/sandbox/faults", {"refunds": {"outcome": "queued"}}).status_code == 400


def test_the_page_shows_payouts(sandbox: RazorpaySandbox) -> None:
    fault(sandbox, payouts={"outcome": "processing"})
    payout_id = made(pay(sandbox, payout_body(fund_account(sandbox))))["id"]
    page = requests.get(sandbox.url, timeout=TIMEOUT_S).text
    assert f'data-payout="{payout_id}" data-outcome="reversed"' in page
    assert BANK["account_number"] not in page

"""Withdrawals over the running stack: HTTP, Cloud Tasks, RazorpayX's webhooks, snapshots, mail."""

from typing import Any

import pytest
import requests

from local.clients import FirebaseClients
from local.person import CallError, Person, wait_until
from local.sandboxes.razorpay.server import ACCOUNT_NUMBER
from tests import people
from tests.payouts.conftest import BANK

TIMEOUT_S = 60
Env = dict[str, str]


@pytest.fixture
def asha(stack_env: Env) -> Person:
    """An expert with 1,000 INR of earned money."""
    expert = people.expert(stack_env)
    earned = {"amount": 1000, "part": "earned", "reason": "earned elsewhere"}
    people.admin(stack_env).post(f"/api/admin/wallets/{expert.uid}/adjust", earned)
    return expert


def set_details(person: Person) -> None:
    person.call("PUT", "/api/mentors/payout-details", BANK)


def outcome(person: Person, outcome: str) -> None:
    """What this person's payouts come to at RazorpayX."""
    fault = {"notes": {"uid": person.uid}, "payouts": {"outcome": outcome}}
    requests.post(f"{person.env['RAZORPAY_URL']}/sandbox/faults", json=fault, timeout=TIMEOUT_S).raise_for_status()


def move(person: Person, transaction_id: str, status: str) -> None:
    """The bank's word on a payout."""
    url, keys = person.env["RAZORPAY_URL"], (person.env["RAZORPAY_KEY_ID"], person.env["RAZORPAY_KEY_SECRET"])
    query = {"account_number": ACCOUNT_NUMBER, "reference_id": transaction_id}
    [payout] = requests.get(f"{url}/v1/payouts", params=query, auth=keys, timeout=TIMEOUT_S).json()["items"]
    body = {"status": status}
    requests.post(f"{url}/sandbox/payouts/{payout['id']}", json=body, timeout=TIMEOUT_S).raise_for_status()


def withdraw(person: Person, rupees: float = 400) -> str:
    return str(person.post("/api/wallet/withdraw", {"amount": rupees})["transactionId"])


def wait_for_status(person: Person, transaction_id: str, status: str) -> dict[str, Any]:
    def reached() -> Any:
        found = person.get(f"/api/wallet/transactions/{transaction_id}")
        return found if found["status"] == status else None

    return dict(wait_until(f"a transaction that is {status}", reached))


def wait_for_mail(person: Person, subject: str) -> str:
    def found() -> Any:
        params = {"to": person.email}
        mails = requests.get(f"{person.env['MAIL_URL']}/api/messages", params=params, timeout=TIMEOUT_S).json()["items"]
        return next((mail["id"] for mail in mails if mail["subject"] == subject), None)

    mail_id = wait_until(f"the mail «{subject}»", found)
    return str(requests.get(f"{person.env['MAIL_URL']}/api/messages/{mail_id}", timeout=TIMEOUT_S).json()["text"])


def test_an_expert_is_paid_and_the_bank_returns_it_days_later(stack_env: Env, asha: Person) -> None:
    set_details(asha)
    assert "••••6789" in wait_for_mail(asha, "Your payout details are set")
    with FirebaseClients(stack_env) as clients:
        clients.sign_in("asha", asha.email, asha.password)
        details = clients.get("asha", f"users/{asha.uid}/private/payoutDetails")["data"]
        assert details["bankAccount"]["accountNumber"] == "••••6789"
        transaction_id = withdraw(asha)
        clients.listen("asha", f"transactions/{transaction_id}", "transaction")
        for status in ("completed", "failed"):
            clients.wait_for("asha", "transaction", lambda shown, status=status: shown["data"]["status"] == status)
            if status == "completed":
                assert "400" in wait_for_mail(asha, "Your withdrawal is paid")
                assert asha.get("/api/wallet")["withdrawable"] == 600
                move(asha, transaction_id, "reversed")
    assert asha.get("/api/wallet")["withdrawable"] == 1000
    shown = asha.get(f"/api/wallet/transactions/{transaction_id}")
    assert shown["failureReason"] == "The beneficiary bank has returned the money"
    assert shown["failureReason"] in wait_for_mail(asha, "Your withdrawal came back")


def test_a_failed_one_returns_the_money(asha: Person) -> None:
    set_details(asha)
    outcome(asha, "failed")
    transaction_id = withdraw(asha)
    shown = wait_for_status(asha, transaction_id, "failed")
    assert shown["failureReason"]
    assert asha.get("/api/wallet")["withdrawable"] == 1000
    assert shown["failureReason"] in wait_for_mail(asha, "Your withdrawal failed")


def test_one_that_waits_for_details_is_paid_once_they_are_there(asha: Person) -> None:
    transaction_id = withdraw(asha)
    wait_for_mail(asha, "Where shall we send your money?")
    assert asha.get(f"/api/wallet/transactions/{transaction_id}")["status"] == "pending"
    set_details(asha)
    wait_for_status(asha, transaction_id, "completed")
    assert asha.get("/api/wallet")["withdrawable"] == 600


def test_one_under_way_stands_in_the_way_of_deleting_the_account(asha: Person) -> None:
    set_details(asha)
    outcome(asha, "processing")
    transaction_id = withdraw(asha, 1000)
    with pytest.raises(CallError, match="ACCOUNT_IN_USE") as raised:
        asha.call("DELETE", "/api/users/me")
    assert "WITHDRAWAL_PENDING" in [detail["code"] for detail in raised.value.details]

    def at_the_bank() -> bool:
        try:
            move(asha, transaction_id, "processed")
        except ValueError:
            return False
        return True

    wait_until("the payout at the provider", at_the_bank)
    wait_for_status(asha, transaction_id, "completed")


def test_settled_by_hand_is_refused_for_what_the_provider_has(stack_env: Env, asha: Person) -> None:
    set_details(asha)
    outcome(asha, "processing")
    transaction_id = withdraw(asha)
    payload = {"payoutId": transaction_id, "outcome": "failed", "dryRun": True}
    url = f"{stack_env['FUNCTIONS_URL']}/settle_withdrawal"

    def refused() -> Any:
        answer = requests.post(url, json=payload, timeout=TIMEOUT_S)
        return answer.json() if answer.status_code == 409 else None

    error = wait_until("the refusal", refused)["error"]
    assert error["code"] == "PAYOUT_AT_PROVIDER"
    wait_until("the payout at the provider", lambda: "pout_" in (refused() or {}).get("error", {}).get("message", ""))
    move(asha, transaction_id, "processed")
    wait_for_status(asha, transaction_id, "completed")

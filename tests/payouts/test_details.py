"""GET and PUT /api/mentors/payout-details: what is taken, kept, shown and told."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from konnect import clock
from konnect.errors import Conflict
from konnect.integrations.razorpay.payouts import BankAccount, Vpa, payout_gateway
from konnect.payouts import console, details, service
from konnect.store import Doc
from tests.payments.api import error_code
from tests.support import kept_tasks

from .conftest import BANK, UID, UPI, Till

PATH = "/api/mentors/payout-details"
NUMBER = BANK["bankAccount"]["accountNumber"]  # type: ignore[index]


def bank(**changed: Any) -> Doc:
    return {**BANK, "bankAccount": {**BANK["bankAccount"], **changed}}  # type: ignore[dict-item]


def everything(till: Till) -> str:
    def below(parent: Any) -> list[str]:
        found = []
        for collection in parent.collections():
            for reference in collection.list_documents():
                found += [f"{reference.path}: {reference.get().to_dict()}", *below(reference)]
        return found

    return "\n".join(below(till.ctx.db.client))


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_experts_only(till: Till, method: str) -> None:
    assert till.api.user(None).call(method, PATH, BANK).status_code == 401
    assert till.api.user("meera").call(method, PATH, BANK).status_code == 403
    assert till.ctx.db.get("users", "meera", "private", "payoutDetails") is None


def test_who_is_an_expert_no_longer_still_gets_what_was_earned(till: Till) -> None:
    assert till.api.user(UID).call("PUT", PATH, BANK).status_code == 200
    assert till.api.user(UID).get(PATH).status_code == 200


def test_none_are_given_yet(till: Till) -> None:
    response = till.expert.get(PATH)
    assert (response.status_code, error_code(response)) == (404, "PAYOUT_DETAILS_NOT_FOUND")


def test_a_bank_account_is_kept_masked_and_written_whole_nowhere(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = till.details(bank(ifscCode="hdfc0000053"))
    assert made == {
        "method": "bank_transfer",
        "bankAccount": {
            "accountHolder": "Asha Rao",
            "accountNumber": "••••6789",
            "ifscCode": "HDFC0000053",
            "bankName": "HDFC Bank",
        },
        "upiId": None,
        "updatedAt": made["updatedAt"],
    }
    assert till.expert.get(PATH).json() == made
    # Each expert sees their own alone.
    assert till.api.user("ravi", role="expert").get(PATH).status_code == 404
    assert NUMBER not in everything(till)
    assert NUMBER not in caplog.text
    assert not any(NUMBER in str(vars(record)) for record in caplog.records)


def test_a_upi_address_is_masked_too(till: Till) -> None:
    made = till.details(UPI)
    assert (made["method"], made["upiId"], made["bankAccount"]) == ("upi", "as••••@okhdfcbank", None)
    assert UPI["upiId"] not in everything(till)
    assert till.details({**UPI, "upiId": "ab@ybl"})["upiId"] == "a••••@ybl"


def test_the_same_again_changes_nothing_and_tells_nothing(till: Till) -> None:
    first = till.details()
    kept = till.ctx.db.get("users", UID, "private", "payoutDetails")
    assert till.details() == first
    assert till.ctx.db.get("users", UID, "private", "payoutDetails") == kept
    assert till.told() == ["payout_details_changed"]


def test_each_change_is_told_also_one_back(till: Till) -> None:
    first = till.details()
    till.details(UPI)
    again = till.details()
    assert again["bankAccount"] == first["bankAccount"]
    told = [n for n in till.all("notifications") if n["type"] == "payout_details_changed"]
    assert len(told) == 3
    assert all("email" in n["channels"] for n in told)
    # One person at the provider, with two accounts.
    contacts = till._sandbox("GET", "/v1/contacts?count=100")["items"]
    kept = till.ctx.db.get("users", UID, "private", "payoutDetails")
    assert kept is not None
    assert [c["id"] for c in contacts if c["id"] == kept["contactId"]] == [kept["contactId"]]
    accounts = till._sandbox("GET", f"/v1/fund_accounts?contact_id={kept['contactId']}")["items"]
    assert sorted(a["account_type"] for a in accounts) == ["bank_account", "vpa"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "method"),
        ({"method": "cheque"}, "method"),
        ({"method": "upi"}, "upiId"),
        ({"method": "upi", "upiId": "asha"}, "upiId"),
        ({"method": "upi", "upiId": "asha@@ybl"}, "upiId"),
        ({"method": "upi", "upiId": "as ha@ybl"}, "upiId"),
        ({"method": "bank_transfer"}, "bankAccount"),
        ({"method": "bank_transfer", "bankAccount": {}}, "bankAccount.accountHolder"),
        (bank(accountNumber="1234"), "bankAccount.accountNumber"),
        (bank(accountNumber="12345-6789"), "bankAccount.accountNumber"),
        (bank(accountNumber=123456789), "bankAccount.accountNumber"),
        (bank(accountNumber="1" * 36), "bankAccount.accountNumber"),
        (bank(ifscCode="HDFC1000053"), "bankAccount.ifscCode"),
        (bank(ifscCode="HDFC000005"), "bankAccount.ifscCode"),
        (bank(accountHolder="Al"), "bankAccount.accountHolder"),
        (bank(accountHolder="Asha <b>"), "bankAccount.accountHolder"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(till: Till, body: Doc, field: str) -> None:
    response = till.expert.call("PUT", PATH, body)
    assert (response.status_code, error_code(response)) == (400, "INVALID_INPUT")
    assert field in [detail["field"] for detail in response.json()["error"]["details"]]
    number = (body.get("bankAccount") or {}).get("accountNumber")
    assert not number or str(number) not in response.text
    assert till.ctx.db.get("users", UID, "private", "payoutDetails") is None


def test_what_the_provider_finds_wrong_is_named(till: Till) -> None:
    till.fault(api={"status": 400, "path": "/v1/fund_accounts"})
    response = till.expert.call("PUT", PATH, BANK)
    assert (response.status_code, error_code(response)) == (400, "INVALID_ACCOUNT")
    assert response.json()["error"]["details"][0]["field"] == "bankAccount"


@pytest.mark.parametrize(("status", "answered"), [(401, 502), (500, 503), (429, 503)])
@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/fund_accounts"])
def test_a_provider_that_fails_leaves_nothing(till: Till, status: int, answered: int, path: str) -> None:
    till.fault(api={"status": status, "path": path})
    assert till.expert.call("PUT", PATH, BANK).status_code == answered
    assert till.ctx.db.get("users", UID, "private", "payoutDetails") is None
    till.fault(webhooks={"off": True})
    till.details()


def test_an_answer_that_was_lost_is_made_good_by_the_repeat(till: Till) -> None:
    till.fault(api={"status": 500, "path": "/v1/fund_accounts", "applied": True, "times": 1})
    assert till.expert.call("PUT", PATH, BANK).status_code == 503
    till.details()
    kept = till.ctx.db.get("users", UID, "private", "payoutDetails")
    assert kept is not None
    accounts = till._sandbox("GET", f"/v1/fund_accounts?contact_id={kept['contactId']}")["items"]
    assert [account["id"] for account in accounts] == [kept["fundAccountId"]]


def test_an_account_closed_at_the_provider(till: Till) -> None:
    till.details()
    kept = till.ctx.db.get("users", UID, "private", "payoutDetails")
    assert kept is not None
    till._sandbox("PATCH", f"/v1/fund_accounts/{kept['fundAccountId']}", {"active": False})
    response = till.expert.call("PUT", PATH, BANK)
    assert (response.status_code, error_code(response)) == (409, "ACCOUNT_INACTIVE")
    till._sandbox("PATCH", f"/v1/fund_accounts/{kept['fundAccountId']}", {"active": True})


@pytest.mark.parametrize("name", ["आशा", "", None, "A", "Asha Rao " * 9, "Asha -"])
def test_a_contact_has_a_name_that_the_provider_takes(till: Till, name: str | None) -> None:
    till.ctx.run(lambda tx: tx.update(("users", UID), {"name": name}))
    till.details(UPI)


def test_withdrawals_that_waited_are_sent(till: Till) -> None:
    waiting = till.withdraw(100)
    till.send(waiting)
    assert (till.payout(waiting)["status"], till.payout(waiting)["waitingFor"]) == ("pending", "details")
    assert till.told() == ["payout_details_needed"]
    till.details()
    task = kept_tasks(till.ctx).keyed("payout", waiting)[-1]
    assert (task.payload, len(task.key)) == ({"payoutId": waiting}, 3)
    till.send(waiting)
    till.drain()
    till.check(waiting, "paid", left_paise=900_00, rupees=100)
    assert till.told() == ["payout_details_changed", "payout_details_needed", "payout_processed"]


def test_a_change_is_for_later_payouts(till: Till) -> None:
    till.details()
    before = till.ctx.db.get("users", UID, "private", "payoutDetails")
    made = till.withdraw(100)
    till.details(UPI)
    later = till.withdraw(100)
    for payout_id in (made, later):
        till.send(payout_id)
    till.drain()
    assert before is not None
    assert till.provider_payout(made)["fund_account_id"] == before["fundAccountId"]
    assert till.provider_payout(made)["mode"] == "IMPS"
    assert till.provider_payout(later)["mode"] == "UPI"
    till.check_books()


class TestByHand:
    """Without RazorpayX: the details are kept, for who makes the transfer."""

    def test_numbers_are_kept_encrypted(self, open_till: Callable[..., Till]) -> None:
        till = open_till(razorpayx_account_number="")
        made = till.details()
        assert made["bankAccount"]["accountNumber"] == "••••6789"
        assert till.details() == made
        assert till.told() == ["payout_details_changed"]
        assert NUMBER not in everything(till)
        assert details.plain_of(till.ctx, UID) == BankAccount("Asha Rao", NUMBER, "HDFC0000053")
        till.details(UPI)
        assert details.plain_of(till.ctx, UID) == Vpa(str(UPI["upiId"]))

    def test_they_are_shown_to_who_pays_and_to_nobody_else(self, open_till: Callable[..., Till]) -> None:
        till = open_till(razorpayx_account_number="")
        till.details()
        payout_id = till.withdraw()
        till.send(payout_id)
        shown = console.show_payout_details(till.ctx, {"payoutId": payout_id, "by": "ops"}, clock.now())
        assert (shown["accountNumber"], shown["amountPaise"]) == (NUMBER, 400_00)
        till.details(UPI)
        with pytest.raises(Conflict, match="they are as"):
            console.show_payout_details(till.ctx, {"payoutId": payout_id, "by": "ops"}, clock.now())
        [entry] = [one for one in till.all("audit") if one["action"] == "payout.details.show"]
        assert (entry["actor"], entry["target"]) == ("console:ops", f"users/{UID}/private/payoutDetails")
        till.ctx.run(lambda tx: service.settle_by_hand(tx, payout_id, "paid", by="ops", now=clock.now()))
        with pytest.raises(Conflict, match="paid already"):
            console.show_payout_details(till.ctx, {"payoutId": payout_id, "by": "ops"}, clock.now())

    @pytest.mark.parametrize("known", [True, False])
    def test_the_provider_learns_of_them_when_there_is_one(self, till: Till, known: bool) -> None:
        settings = till.ctx.settings
        by_hand = replace(till.ctx, settings=settings.model_copy(update={"razorpayx_account_number": ""}))
        given = BankAccount("Asha Rao", NUMBER, "HDFC0000053" if known else "HDFC-53")
        details.change(by_hand, payout_gateway(settings), UID, given, now=clock.now())
        payout_id = till.withdraw()
        till.send(payout_id)
        till.drain()
        if known:
            till.check(payout_id, "paid", left_paise=600_00)
        else:
            assert (till.payout(payout_id)["status"], till.payout(payout_id)["waitingFor"]) == ("pending", "details")
            assert "payout_details_needed" in till.told()
            till.details()
            till.send(payout_id)
            till.drain()
            till.check(payout_id, "paid", left_paise=600_00)

    def test_kms_out_of_reach(self, open_till: Callable[..., Till]) -> None:
        till = open_till(kms_url="http://127.0.0.1:9", kms_timeout_s=0.5)
        response = till.expert.call("PUT", PATH, BANK)
        assert (response.status_code, response.headers["Retry-After"] != "") == (503, True)
        assert till.expert.get(PATH).status_code == 404

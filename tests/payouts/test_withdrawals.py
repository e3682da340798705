"""POST /api/wallet/withdraw: what is taken, from whom, once."""

from datetime import timedelta

import pytest

from konnect.errors import Unavailable
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payouts import service, withdrawals
from konnect.reconciliation.service import reconcile
from konnect.store import Query
from konnect.tasks import Task
from tests.payments.api import error_code
from tests.payments.conftest import Crash, crashing, with_scheduler
from tests.support import START, at_once, give, kept_tasks, movements, wallet_of

from .conftest import EARNED_PAISE, UID, Till

PATH = "/api/wallet/withdraw"


def test_anonymous(till: Till) -> None:
    assert till.api.user(None).post(PATH, {"amount": 5}).status_code == 401


def test_earned_money_is_withdrawn(till: Till) -> None:
    give(till.ctx, UID, 100_00)
    response = till.expert.post(PATH, {"amount": 150.25})
    assert response.status_code == 201
    made = response.json()
    assert made == {
        "transactionId": made["transactionId"],
        "status": "pending",
        "amount": 150.25,
        "amountPaise": 15025,
        "tds": 0,
        "tdsPaise": 0,
        "netAmount": 150.25,
        "netAmountPaise": 15025,
        "currency": "INR",
        "balance": 949.75,
    }
    transaction = till.expert.get(f"/api/wallet/transactions/{made['transactionId']}").json()
    assert (transaction["type"], transaction["status"]) == ("withdraw", "pending")
    till.check(made["transactionId"], "pending", left_paise=84975, rupees=150.25)
    [task] = kept_tasks(till.ctx).keyed("payout")
    assert (task.path, task.payload) == ("/payouts/send", {"payoutId": made["transactionId"]})


def test_of_another_role_as_well(till: Till) -> None:
    # Who has earned may withdraw, also after ceasing to be an expert.
    response = till.api.user(UID).post(PATH, {"amount": 5})
    assert response.status_code == 201


def test_a_key_is_never_a_second_withdrawal_however_late(till: Till) -> None:
    first = till.expert.post(PATH, {"amount": 5}, key="one").json()
    [kept] = Query(("idempotency",)).run(till.ctx.db)
    till.ctx.db.set(("idempotency", kept["id"]), {"expiresAt": START}, merge=True)
    other = till.expert.post(PATH, {"amount": 7}, key="one")
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
    again = till.expert.post(PATH, {"amount": 5}, key="one").json()
    assert (again["transactionId"], again["status"]) == (first["transactionId"], "pending")
    till.ctx.run(lambda tx: service.settle_by_hand(tx, first["transactionId"], "paid", by="root", now=START))
    assert till.expert.post(PATH, {"amount": 5}, key="one").json()["status"] == "completed"
    assert wallet_of(till.ctx, UID)["balancePaise"] == EARNED_PAISE - 500


def test_deposited_money_stays(till: Till) -> None:
    give(till.ctx, "meera", 500_00)
    give(till.ctx, "meera", 999, part="earned")
    response = till.api.user("meera").post(PATH, {"amount": 10})
    assert (response.status_code, error_code(response)) == (402, "INSUFFICIENT_BALANCE")
    [detail] = response.json()["error"]["details"]
    assert (detail["needed"], detail["available"]) == (10, 9.99)
    assert wallet_of(till.ctx, "meera")["balancePaise"] == 50999


def test_what_is_owed_stays(till: Till) -> None:
    owed = Movement("owed", "test", (Leg(accounts.receivable(UID), -700_00), Leg(accounts.PLATFORM_FEES, 700_00)))
    till.ctx.run(lambda tx: ledger.post(tx, owed, now=START))
    assert till.expert.post(PATH, {"amount": 300.01}).status_code == 402
    assert till.expert.post(PATH, {"amount": 300}).status_code == 201
    till.check_books()


def test_a_repeat_with_its_key_withdraws_once(till: Till) -> None:
    first, second = (till.expert.post(PATH, {"amount": 100}, key="k") for _ in range(2))
    assert first.json() == second.json()
    other = till.expert.post(PATH, {"amount": 101}, key="k")
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
    till.check(first.json()["transactionId"], "pending", left_paise=900_00, rupees=100)


def test_twenty_at_once_under_one_key_are_one_withdrawal(till: Till) -> None:
    answers = at_once(20, lambda _: till.expert.post(PATH, {"amount": 100}, key="k").status_code)
    # Who could not get the documents within a while is told to try again.
    assert set(answers) <= {201, 503}
    assert len(till.all("payouts")) == 1
    assert wallet_of(till.ctx, UID)["withdrawablePaise"] == 900_00
    till.check_books()


def test_twenty_at_once_never_overdraw(till: Till) -> None:
    answers = [str(answer) for answer in at_once(20, lambda _: till.expert.post(PATH, {"amount": 100}).status_code)]
    made = len(till.all("payouts"))
    assert set(answers) <= {"201", "402", "503"}
    assert answers.count("201") == made <= 10
    assert wallet_of(till.ctx, UID)["withdrawablePaise"] == EARNED_PAISE - made * 100_00
    till.check_books()


@pytest.mark.parametrize("amount", ["0", "-1", "10000.01", "1.001", '"10"', "NaN", "true", "null", "[]"])
def test_a_bad_amount_changes_nothing(till: Till, amount: str) -> None:
    till.earn(2_000_000)
    response = till.expert.post(PATH, raw=f'{{"amount": {amount}}}')
    assert response.status_code == 400
    assert len(movements(till.ctx)) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit(till: Till, moment: str) -> None:
    till.details()
    ctx = crashing(till.ctx, moment)
    with pytest.raises(Crash):
        ctx.run(lambda tx: withdrawals.withdraw(tx, UID, 400_00, key=None, request_id="r", now=START))
    made = till.ctx.run(lambda tx: withdrawals.withdraw(tx, UID, 400_00, key=None, request_id="r", now=START))
    till.check(made["transactionId"], "pending", left_paise=600_00)


def test_a_task_that_could_not_be_created_is_made_good_by_the_sweep(till: Till) -> None:
    class Down:
        def create(self, task: Task) -> None:
            raise Unavailable

    till.details()
    ctx = with_scheduler(till.ctx, Down())
    with pytest.raises(Unavailable):
        ctx.run(lambda tx: withdrawals.withdraw(tx, UID, 400_00, key=None, request_id="r", now=START))
    [payout] = till.all("payouts")
    assert till.sweep(timedelta(0))["payouts"] == 1
    till.drain()
    till.check(payout["id"], "paid", left_paise=600_00)
    till.check_paid_once(payout["id"])


def test_a_repeat_creates_the_task_that_could_not_be(till: Till) -> None:
    def withdraw() -> None:
        till.ctx.run(lambda tx: withdrawals.withdraw(tx, UID, 400_00, key=None, request_id="r", now=START))

    withdraw()
    kept_tasks(till.ctx).by_name.clear()
    withdraw()
    assert len(kept_tasks(till.ctx).keyed("payout")) == 1


def test_reconcile_finds_a_payout_that_holds_what_it_should_not(till: Till) -> None:
    payout_id = till.withdraw()
    till.ctx.run(lambda tx: tx.update(("payouts", payout_id), {"status": "paid"}))
    assert reconcile(till.ctx).differences == [f"payout:{payout_id}: paid, and holds 40000 of 40000 paise"]
    till.ctx.run(lambda tx: tx.update(("payouts", payout_id), {"status": "pending"}))
    till.check_books()

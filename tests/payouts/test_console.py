"""settle_withdrawal: by hand what no provider has; of the others, what the provider says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask
import pytest
from werkzeug.test import EnvironBuilder

from konnect import clock
from konnect.errors import Conflict, Unavailable
from konnect.http.internal import serve_job
from konnect.payouts import policy, service
from konnect.store import Doc
from tests.payments.conftest import Crash, crashing
from tests.support import at_once

from .conftest import UID, Till


def settle(till: Till, payout_id: str, outcome: str, status: int = 200, **more: Any) -> Any:
    payload = {"payoutId": payout_id, "outcome": outcome, **more}
    request = flask.Request(EnvironBuilder(method="POST", json=payload).get_environ())
    response = serve_job(request, "konnect.payouts.console:settle_withdrawal", till.ctx, can_rehearse=True)
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json()


def audited(till: Till) -> list[Doc]:
    return [entry for entry in till.all("audit") if entry["action"] == "payout.settle"]


@pytest.mark.parametrize(("outcome", "left"), [("paid", 600_00), ("failed", 1_000_00)])
def test_one_that_waits_is_settled_by_hand(till: Till, outcome: str, left: int) -> None:
    payout_id = till.withdraw()
    done = settle(till, payout_id, outcome, reference="N123", reason="account closed", by="ops")
    assert done == {"payoutId": payout_id, "status": outcome, "amountPaise": 400_00}
    payout = till.check(payout_id, outcome, left_paise=left)
    assert (payout["settledBy"], payout["reference"], payout["nextCheckAt"]) == ("hand", "N123", None)
    assert till.told() == ["payout_processed" if outcome == "paid" else "payout_failed"]
    assert settle(till, payout_id, outcome) == done
    [entry] = audited(till)
    assert (entry["actor"], entry["target"]) == ("console:ops", f"payouts/{payout_id}")
    assert (entry["before"]["status"], entry["after"]["status"]) == ("pending", outcome)
    # What its task or later details bring comes too late.
    till.details()
    till.send(payout_id)
    assert till.provider_payouts(payout_id) == []
    other = "failed" if outcome == "paid" else "paid"
    assert settle(till, payout_id, other, 409)["error"]["code"] == "PAYOUT_SETTLED"
    till.check(payout_id, outcome, left_paise=left)


def test_a_dry_run_writes_nothing(till: Till) -> None:
    payout_id = till.withdraw()
    dry = settle(till, payout_id, "failed", dryRun=True)
    assert dry["result"]["status"] == "failed"
    paths = {write["path"]: write["write"] for write in dry["wouldWrite"]}
    assert paths[f"movements/payout:{payout_id}:failed"] == "create"
    assert paths[f"wallets/{UID}"] == "update"
    till.check(payout_id, "pending", left_paise=600_00)
    assert audited(till) == till.told() == []


def test_a_dry_run_asks_no_provider(till: Till) -> None:
    till.details()
    payout_id = till.sent(outcome="processing")
    till.fault(api={"status": 500})
    refused = settle(till, payout_id, "paid", 409, dryRun=True)
    assert refused["error"]["code"] == "PAYOUT_AT_PROVIDER"


@pytest.mark.parametrize("payout_id", ["none", "a/b", ""])
def test_no_such_payout(till: Till, payout_id: str) -> None:
    settle(till, payout_id, "paid", 404)


@pytest.mark.parametrize(
    ("payload", "field"),
    [({}, "payoutId"), ({"payoutId": "p", "outcome": "lost"}, "outcome"), ({"payoutId": "p", "amount": 1}, "amount")],
)
def test_bad_input(till: Till, payload: Doc, field: str) -> None:
    request = flask.Request(EnvironBuilder(method="POST", json=payload).get_environ())
    response = serve_job(request, "konnect.payouts.console:settle_withdrawal", till.ctx, can_rehearse=True)
    assert response.status_code == 400
    assert field in [detail["field"] for detail in response.get_json()["error"]["details"]]


@pytest.mark.parametrize("outcome", ["paid", "failed"])
def test_what_the_provider_has_is_refused_with_its_state(till: Till, outcome: str) -> None:
    till.details()
    payout_id = till.sent(outcome="processing")
    error = settle(till, payout_id, outcome, 409)["error"]
    assert error["code"] == "PAYOUT_AT_PROVIDER"
    [detail] = error["details"]
    assert (detail["providerId"], detail["providerStatus"]) == (till.provider_payout(payout_id)["id"], "processing")
    till.check(payout_id, "processing", left_paise=600_00)


def test_what_the_provider_has_ended_is_what_it_says(till: Till) -> None:
    till.details()
    paid, failed = till.sent(100, outcome="processing"), till.sent(100, outcome="processing")
    till.fault(webhooks={"off": True})
    till.move(paid, "processed")
    till.move(failed, "failed")
    assert settle(till, paid, "failed", 409)["error"]["code"] == "PAYOUT_SETTLED"
    assert settle(till, failed, "failed")["status"] == "failed"
    assert settle(till, paid, "paid")["status"] == "paid"
    till.check(paid, "paid", left_paise=900_00, rupees=100)
    till.check(failed, "failed", left_paise=900_00, rupees=100)
    assert audited(till) == []


def test_a_provider_that_can_not_be_asked_settles_nothing(till: Till) -> None:
    till.details()
    payout_id = till.sent(outcome="processing")
    till.fault(api={"status": 503})
    assert settle(till, payout_id, "failed", 409)["error"]["code"] == "PAYOUT_AT_PROVIDER"
    till.check(payout_id, "processing", left_paise=600_00)


def test_an_unknown_attempt_has_to_settle_first(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    till.fault(api={"status": 500, "path": "/v1/payouts", "method": "POST"})
    with pytest.raises(Unavailable):
        till.send(payout_id)
    error = settle(till, payout_id, "failed", 409)["error"]
    assert error["code"] == "PAYOUT_AT_PROVIDER"
    assert error["details"][0]["tryAgainAt"] > error["details"][0]["askedAt"]
    later = clock.now() + policy.SETTLES_AFTER + timedelta(minutes=1)
    done = till.ctx.run(lambda tx: service.settle_by_hand(tx, payout_id, "failed", by="console", now=later))
    assert done["status"] == "failed"
    till.check(payout_id, "failed", left_paise=1_000_00)
    till.fault(webhooks={"off": True})
    till.send(payout_id)
    assert till.provider_payouts(payout_id) == []


def test_a_transfer_by_hand_that_came_back(till: Till) -> None:
    payout_id = till.withdraw()
    assert settle(till, payout_id, "reversed", 409)["error"]["code"] == "PAYOUT_SETTLED"
    settle(till, payout_id, "paid")
    settle(till, payout_id, "reversed", reason="no such account")
    settle(till, payout_id, "reversed")
    till.check(payout_id, "reversed", left_paise=1_000_00)
    assert till.shown(payout_id) == ("failed", "no such account")
    assert len(audited(till)) == 2
    till.details()
    by_provider = till.sent()
    assert settle(till, by_provider, "reversed", 409)["error"]["code"] == "PAYOUT_SETTLED"


def test_by_hand_beside_the_task(till: Till) -> None:
    """Whoever comes first: never both."""
    till.details()
    payout_id = till.withdraw()
    now = clock.now()
    works: list[Callable[[], Any]] = [
        lambda: till.send(payout_id),
        lambda: till.ctx.run(lambda tx: service.settle_by_hand(tx, payout_id, "failed", by="console", now=now)),
    ]
    at_once(2, lambda index: works[index]())
    till.drain()
    sent = len(till.provider_payouts(payout_id))
    payout = till.payout(payout_id)
    assert (payout["settledBy"], payout["status"], sent) in {("hand", "failed", 0), ("provider", "paid", 1)}
    till.check_books()


def test_twenty_at_once(till: Till) -> None:
    payout_id = till.withdraw()
    now = clock.now()

    def settle_it(index: int) -> Any:
        outcome: Any = "paid" if index % 2 else "failed"
        return till.ctx.run(lambda tx: service.settle_by_hand(tx, payout_id, outcome, by="console", now=now))

    answers = at_once(20, settle_it)
    unexpected = [a for a in answers if isinstance(a, Exception) and not isinstance(a, Conflict | Unavailable)]
    assert unexpected == []
    # All may have been told to try again; whoever does finds the one outcome, or brings it.
    last = at_once(1, settle_it)
    assert isinstance(last[0], dict | Conflict)
    assert till.payout(payout_id)["status"] in {"paid", "failed"}
    assert len(audited(till)) == 1
    till.check_books()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit(till: Till, moment: str) -> None:
    payout_id = till.withdraw()
    now = clock.now()

    def work(tx: Any) -> Doc:
        return service.settle_by_hand(tx, payout_id, "failed", by="console", now=now)

    with pytest.raises(Crash):
        crashing(till.ctx, moment).run(work)
    assert till.ctx.run(work)["status"] == "failed"
    till.check(payout_id, "failed", left_paise=1_000_00)
    assert len(audited(till)) == 1

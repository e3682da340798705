"""/api/subscriptions over HTTP: who may, what is wrong, what is answered; accounts that close."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from konnect.deletion import service as accounts
from konnect.errors import Unavailable
from konnect.subscriptions import deletion
from local.sandboxes.razorpay.subscriptions import subscription_signature
from tests.bookings.conftest import OTHER, STUDENT
from tests.deletion.test_service import principal
from tests.payments.api import TIMEOUT_S
from tests.payments.gateway import KEY_SECRET

from .conftest import Club, status_of

NONE = {"status": "none", "subscriptionId": None, "minutesLeft": 0, "cancelAtPeriodEnd": False, "periodEnd": None}


def body(paid: dict[str, Any], **changed: str) -> dict[str, Any]:
    return {**paid, **changed}


def test_plans_are_public(club: Club) -> None:
    answer = club.desk.api.user(None).get("/api/subscriptions/plans")
    items = answer.json()["items"]
    assert [(one["id"], one["price"], one["minutes"], one["discountPercent"]) for one in items] == [
        ("free", 0, 0, 0),
        ("pro", 499, 30, 10),
        ("premium", 999, 60, 15),
    ]
    assert [one["recording"] for one in items] == [False, False, True]
    assert [one["horizonDays"] for one in items] == [30, 30, 60]


def test_from_checkout_to_cancellation(club: Club) -> None:
    me, now = club.desk.api.user(STUDENT), datetime.now(UTC)
    assert NONE.items() <= me.get("/api/subscriptions/current").json().items()
    made = me.post("/api/subscriptions", {"planId": "pro"})
    assert made.status_code == 201, made.text
    assert made.json()["keyId"]
    subscription_id = made.json()["subscriptionId"]
    assert me.post("/api/subscriptions", {"planId": "pro"}).json()["subscriptionId"] == subscription_id
    paid = club.pay(subscription_id, now=now)

    forged = me.post("/api/subscriptions/verify", body(paid, razorpay_signature="0" * 64))
    assert status_of(forged) == (400, "INVALID_SIGNATURE")
    other = club.desk.api.user(OTHER).post("/api/subscriptions/verify", body(paid))
    assert status_of(other) == (404, "SUBSCRIPTION_NOT_FOUND")
    for _ in range(2):
        verified = me.post("/api/subscriptions/verify", body(paid))
        assert verified.status_code == 200, verified.text
        assert (verified.json()["plan"]["id"], verified.json()["minutesLeft"]) == ("pro", 30)
    assert status_of(me.post("/api/subscriptions", {"planId": "pro"})) == (409, "ALREADY_SUBSCRIBED")

    for _ in range(2):
        cancelled = me.call("DELETE", "/api/subscriptions/current")
        assert cancelled.status_code == 200, cancelled.text
        assert (cancelled.json()["cancelAtPeriodEnd"], cancelled.json()["minutesLeft"]) == (True, 30)
    club.check_books()


def test_a_payment_that_has_not_come(club: Club) -> None:
    me = club.desk.api.user(STUDENT)
    subscription_id = me.post("/api/subscriptions", {"planId": "pro"}).json()["subscriptionId"]
    signature = subscription_signature(subscription_id, "pay_none", KEY_SECRET)
    answer = me.post(
        "/api/subscriptions/verify",
        {
            "razorpay_subscription_id": subscription_id,
            "razorpay_payment_id": "pay_none",
            "razorpay_signature": signature,
        },
    )
    assert (answer.status_code, answer.json()["status"]) == (202, "created")


@pytest.mark.parametrize("sent", [{}, {"planId": "free"}, {"planId": "gold"}, {"planId": 1}])
def test_what_is_no_plan(club: Club, sent: dict[str, Any]) -> None:
    answer = club.desk.api.user(STUDENT).post("/api/subscriptions", sent)
    assert status_of(answer) == (400, "INVALID_INPUT")
    assert answer.json()["error"]["details"][0]["field"] == "planId"


def test_nothing_to_cancel(club: Club) -> None:
    answer = club.desk.api.user(STUDENT).call("DELETE", "/api/subscriptions/current")
    assert status_of(answer) == (404, "SUBSCRIPTION_NOT_FOUND")


class TestClosingAnAccount:
    def test_ends_its_subscription_first(self, club: Club) -> None:
        now = datetime.now(UTC)
        subscription_id = club.member(now=now)
        matters = club.ctx.run(lambda tx: deletion.open_matters(tx, STUDENT))
        assert [one["code"] for one in matters] == ["SUBSCRIPTION_OPEN"]
        deletion.end(club.ctx, STUDENT, now=now)
        assert club.ctx.run(lambda tx: deletion.open_matters(tx, STUDENT)) == []
        assert club.at_provider()[0]["status"] == "cancelled"
        told = club.told()
        for _ in range(2):
            deletion.erase(club.ctx, STUDENT, now=now)
        assert club.one(subscription_id)["isOpen"] is False
        assert club.view(now=now)["plan"]["id"] == "free"
        assert club.told() == told
        club.check_books()

    def test_waits_for_the_provider(self, club: Club) -> None:
        now = datetime.now(UTC)
        club.member(now=now)
        who = principal(STUDENT, signed_in=now)
        club.desk.fault(api={"status": 503, "path": "/v1/subscriptions/*"}, webhooks={"off": True})
        with pytest.raises(Unavailable):
            accounts.request(club.ctx, who, now=now)
        assert club.ctx.db.get("deletions", STUDENT) is None
        requests.delete(f"{club.desk.sandbox.url}/sandbox/faults", timeout=TIMEOUT_S)
        assert accounts.request(club.ctx, who, now=now)["status"] == "requested"
        assert club.at_provider()[0]["status"] == "cancelled"

"""The sandbox's plans and subscriptions, by the official client: states, months, events in the documented shape."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import razorpay

from local.sandboxes import background
from local.sandboxes.razorpay import RazorpaySandbox
from local.sandboxes.razorpay.subscriptions import month_later
from tests.local.razorpay_sandbox import TIMEOUT_S, events, new_client, new_sandbox, post

PLAN = {"period": "monthly", "interval": 1, "item": {"name": "Pro", "amount": 49_900, "currency": "INR"}}
START = 1_767_225_600
"""1 January 2026."""


@pytest.fixture
def sandbox() -> Iterator[RazorpaySandbox]:
    made = new_sandbox(None)
    with background(made):
        yield made


@pytest.fixture
def client(sandbox: RazorpaySandbox) -> razorpay.Client:
    return new_client(sandbox)


@pytest.fixture
def made(client: razorpay.Client) -> dict[str, Any]:
    plan = client.plan.create(PLAN, timeout=TIMEOUT_S)
    body = {"plan_id": plan["id"], "total_count": 12, "customer_notify": False, "notes": {"uid": "meera"}}
    return dict(client.subscription.create(body, timeout=TIMEOUT_S))


def act(sandbox: RazorpaySandbox, subscription: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    answer = post(sandbox, f"/sandbox/subscriptions/{subscription['id']}/{what}", body)
    assert answer.ok, answer.text
    return dict(answer.json())


def test_the_first_payment(sandbox: RazorpaySandbox, client: razorpay.Client, made: dict[str, Any]) -> None:
    assert (made["status"], made["current_start"], made["remaining_count"]) == ("created", None, 12)
    paid = act(sandbox, made, "pay", at=START)
    assert client.utility.verify_subscription_payment_signature(paid)
    found = client.subscription.fetch(made["id"])
    assert (found["status"], found["paid_count"], found["current_start"]) == ("active", 1, START)
    (bill,) = client.invoice.all({"subscription_id": made["id"]})["items"]
    assert (bill["status"], bill["payment_id"], bill["billing_end"]) == (
        "paid",
        paid["razorpay_payment_id"],
        found["current_end"],
    )
    told = events(sandbox, subscription_id=made["id"])
    assert [one["event"] for one in told] == [
        "subscription.authenticated",
        "subscription.activated",
        "subscription.charged",
    ]
    body = json.loads(told[-1]["body"])
    assert body["contains"] == ["subscription", "payment"]
    assert body["payload"]["subscription"]["entity"]["id"] == made["id"]
    assert body["payload"]["payment"]["entity"]["invoice_id"] == bill["id"]


def test_months_failures_and_the_end(sandbox: RazorpaySandbox, client: razorpay.Client, made: dict[str, Any]) -> None:
    act(sandbox, made, "pay", at=START)
    states = [act(sandbox, made, "charge", outcome="failed")["status"] for _ in range(4)]
    assert states == ["pending", "pending", "pending", "halted"]
    charged = act(sandbox, made, "charge")
    assert (charged["status"], charged["current_start"]) == ("active", month_later(START))
    assert len(client.invoice.all({"subscription_id": made["id"]})["items"]) == 2
    assert client.subscription.cancel(made["id"], {"cancel_at_cycle_end": True})["status"] == "active"
    assert act(sandbox, made, "charge")["status"] == "cancelled"
    with pytest.raises(razorpay.errors.BadRequestError, match="not cancellable in cancelled status"):
        client.subscription.cancel(made["id"], {"cancel_at_cycle_end": False})


def test_another_plan_from_the_next_month_on(
    sandbox: RazorpaySandbox, client: razorpay.Client, made: dict[str, Any]
) -> None:
    other = client.plan.create({**PLAN, "item": {**PLAN["item"], "amount": 99_900}})
    change = {"plan_id": other["id"], "schedule_change_at": "cycle_end"}
    with pytest.raises(razorpay.errors.BadRequestError, match="not updatable in created status"):
        client.subscription.edit(made["id"], change)
    act(sandbox, made, "pay", at=START)
    assert client.subscription.edit(made["id"], change)["has_scheduled_changes"] is True
    assert act(sandbox, made, "charge")["plan_id"] == other["id"]
    assert client.invoice.all({"subscription_id": made["id"]})["items"][0]["amount"] == 99_900


def test_a_month_later() -> None:
    assert month_later(START) - START == 31 * 86_400
    assert month_later(START + 30 * 86_400) == START + 58 * 86_400


def test_what_is_refused(client: razorpay.Client) -> None:
    for body in ({}, {**PLAN, "period": "hourly"}, {**PLAN, "interval": 0}, {**PLAN, "item": {"name": "Pro"}}):
        with pytest.raises(razorpay.errors.BadRequestError):
            client.plan.create(body)
    with pytest.raises(razorpay.errors.BadRequestError):
        client.subscription.create({"plan_id": "plan_none0000000000", "total_count": 1})

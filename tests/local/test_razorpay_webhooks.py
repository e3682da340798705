"""The Razorpay sandbox's webhooks: delivery, faults on request, redelivery, and what a restart keeps."""

import json
import threading
import time
from typing import Any

import pytest
import razorpay
import requests
from razorpay.errors import GatewayError, ServerError

from local.person import wait_until
from local.sandboxes import background
from local.sandboxes.razorpay import RazorpaySandbox, RetryPolicy
from tests.local.razorpay_sandbox import (
    FAST,
    TIMEOUT_S,
    WEBHOOK_SECRET,
    Receiver,
    events,
    new_client,
    new_order,
    new_sandbox,
    paid,
    pay,
    post,
    settled,
    sound,
)


class TestWebhooks:
    def test_envelope_signature_and_ids(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        order_id, payment_id = paid(sandbox, client)
        settled(sandbox, 3, order_id=order_id)
        refund_id = client.payment.refund(payment_id, {"amount": 100})["id"]
        settled(sandbox, 5, order_id=order_id)
        contains = {
            "payment.authorized": ["payment"],
            "payment.captured": ["payment"],
            "order.paid": ["payment", "order"],
            "refund.created": ["refund", "payment"],
            "refund.processed": ["refund", "payment"],
        }
        assert sorted(receiver.names()) == sorted(contains)
        assert len({headers["x-razorpay-event-id"] for headers, _ in receiver.requests}) == 5
        for headers, body in receiver.requests:
            assert client.utility.verify_webhook_signature(body, headers["x-razorpay-signature"], WEBHOOK_SECRET)
            assert headers["content-type"] == "application/json"
            event = json.loads(body)
            assert (event["entity"], event["contains"]) == ("event", contains[event["event"]])
            assert list(event["payload"]) == event["contains"]
            assert event["account_id"].startswith("acc_")
            assert isinstance(event["created_at"], int)
            assert event["payload"]["payment"]["entity"]["id"] == payment_id
            if "refund" in event["contains"]:
                assert event["payload"]["refund"]["entity"]["id"] == refund_id

    def test_the_payload_is_of_the_moment(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        order_id, _ = paid(sandbox, client)
        settled(sandbox, 3, order_id=order_id)
        payloads = {(event := json.loads(body))["event"]: event["payload"] for _, body in receiver.requests}
        assert payloads["payment.authorized"]["payment"]["entity"]["status"] == "authorized"
        assert payloads["payment.captured"]["payment"]["entity"]["status"] == "captured"
        assert payloads["order.paid"]["order"]["entity"]["status"] == "paid"

    def test_failures_are_retried(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        receiver.answer = lambda number: 500 if number < 2 else 302 if number == 2 else 200
        pay(sandbox, new_order(client)["id"], "failed")
        [event] = settled(sandbox, 1)
        assert event["state"] == "delivered"
        assert [delivery["status"] for delivery in event["deliveries"]] == [500, 500, 302, 200]
        assert [delivery["kind"] for delivery in event["deliveries"]] == ["first", "retry", "retry", "retry"]
        assert len({headers["x-razorpay-event-id"] for headers, _ in receiver.requests}) == 1

    def test_retries_end(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        receiver.answer = lambda _: 500
        pay(sandbox, new_order(client)["id"], "failed")
        [event] = settled(sandbox, 1)
        assert (event["state"], len(event["deliveries"])) == ("failed", FAST.max_attempts)

    def test_no_answer_in_time_is_retried(self, receiver: Receiver) -> None:
        hold = threading.Event()
        receiver.answer = lambda number: 200 if number or hold.wait(TIMEOUT_S) else 500
        sandbox = new_sandbox(receiver.url, retry=RetryPolicy(first_delay_s=0.01, timeout_s=0.2))
        with background(sandbox):
            client = new_client(sandbox)
            pay(sandbox, new_order(client)["id"], "failed")
            [event] = settled(sandbox, 1)
            hold.set()
        assert "no answer" in event["deliveries"][0]["error"]
        assert event["state"] == "delivered"

    def test_without_a_url_they_are_only_recorded(self) -> None:
        sandbox = new_sandbox(None)
        with background(sandbox):
            client = new_client(sandbox)
            order_id, _ = paid(sandbox, client)
            assert {event["state"] for event in events(sandbox, order_id=order_id)} == {"held"}


class TestFaults:
    def test_duplicates(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        order_id = new_order(client)["id"]
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": {"duplicate": 2}})
        pay(sandbox, order_id, "failed")
        settled(sandbox, 1)
        assert len(receiver.requests) == 3
        assert len({(headers["x-razorpay-event-id"], body) for headers, body in receiver.requests}) == 1

    def test_reorder(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        order_id = new_order(client)["id"]
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": {"reorder": True}})
        pay(sandbox, order_id)
        settled(sandbox, 3)
        assert receiver.names() == ["order.paid", "payment.captured", "payment.authorized"]

    def test_lost_then_corrupted_then_sound(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        receiver.answer = lambda number: 200 if sound(*receiver.requests[number]) else 400
        order_id = new_order(client)["id"]
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": {"fail": 1, "corrupt": 1}})
        pay(sandbox, order_id, "failed")
        [event] = settled(sandbox, 1)
        assert [delivery["kind"] for delivery in event["deliveries"]] == ["dropped", "corrupted", "retry"]
        amounts = [json.loads(body)["payload"]["payment"]["entity"]["amount"] for _, body in receiver.requests]
        assert amounts == [910_000, 10_000]

    def test_off_for_some_events(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        order_id = new_order(client)["id"]
        fault = {"off": True, "events": ["payment.captured", "order.paid"]}
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": fault})
        pay(sandbox, order_id)
        assert [event["state"] for event in settled(sandbox, 3)] == ["delivered", "held", "held"]
        assert receiver.names() == ["payment.authorized"]

    def test_delay(self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver) -> None:
        order_id = new_order(client)["id"]
        fault = {"delay_ms": 600_000, "events": ["payment.authorized"]}
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": fault})
        pay(sandbox, order_id)
        wait_until("the others", lambda: sorted(receiver.names()) == ["order.paid", "payment.captured"], TIMEOUT_S)
        assert events(sandbox, event="payment.authorized")[0]["state"] == "pending"
        # It goes on once the fault is replaced.
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "webhooks": {**fault, "delay_ms": 50}})
        settled(sandbox, 3)
        assert receiver.names()[-1] == "payment.authorized"

        post(sandbox, "/sandbox/faults", {"webhooks": {"delay_ms": 50}})
        begun = time.monotonic()
        pay(sandbox, order_id := new_order(client)["id"])
        settled(sandbox, 3, order_id=order_id)
        assert time.monotonic() - begun >= 0.05

    def test_another_order_is_untouched(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        faulty, other = new_order(client)["id"], new_order(client)["id"]
        fault = {"webhooks": {"off": True}, "api": {"status": 500}}
        post(sandbox, "/sandbox/faults", {"order_id": faulty, **fault})
        pay(sandbox, faulty)
        pay(sandbox, other)
        assert {event["state"] for event in settled(sandbox, 3, order_id=other)} == {"delivered"}
        assert client.order.fetch(other)["status"] == "paid"
        with pytest.raises(ServerError):
            client.order.fetch(faulty)

    def test_api_errors_so_many_times(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        post(sandbox, "/sandbox/faults", {"api": {"status": 500, "times": 2, "path": "/v1/orders"}})
        for _ in range(2):
            with pytest.raises(ServerError, match="some trouble"):
                new_order(client)
        assert client.order.all()["count"] == 0
        assert new_order(client)["status"] == "created"

    def test_gateway_error(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        post(sandbox, "/sandbox/faults", {"api": {"status": 504, "method": "POST"}})
        with pytest.raises(GatewayError):
            new_order(client)
        assert client.order.all()["count"] == 0

    def test_orders_with_a_note(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        fault = {"notes": {"userId": "u1"}, "api": {"status": 500, "path": "/v1/orders", "method": "POST"}}
        post(sandbox, "/sandbox/faults", fault)
        with pytest.raises(ServerError):
            new_order(client, notes={"userId": "u1"})
        assert new_order(client, notes={"userId": "u2"})["status"] == "created"

    def test_a_lost_answer_has_taken_effect(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        _, payment_id = paid(sandbox, client)
        fault = {"timeout_ms": 600_000, "times": 1, "path": "/v1/payments/*/refund", "applied": True}
        post(sandbox, "/sandbox/faults", {"api": fault})
        headers = {"X-Refund-Idempotency": "refund-booking-1"}
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.payment.refund(payment_id, {"amount": 4_000}, headers=dict(headers), timeout=0.2)
        refunded = "amount_refunded"
        wait_until("the refund", lambda: client.payment.fetch(payment_id)[refunded] == 4_000, TIMEOUT_S)
        requests.delete(f"{sandbox.url}/sandbox/faults", timeout=TIMEOUT_S)
        client.payment.refund(payment_id, {"amount": 4_000}, headers=dict(headers))
        assert client.payment.fetch(payment_id)["amount_refunded"] == 4_000

    def test_clear(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client)["id"]
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "api": {"status": 500}})
        listed = post(sandbox, "/sandbox/faults", {"webhooks": {"duplicate": 1}}).json()["items"]
        assert len(listed) == 2
        left = requests.delete(f"{sandbox.url}/sandbox/faults", params={"order_id": order_id}, timeout=TIMEOUT_S)
        assert [fault.get("order_id") for fault in left.json()["items"]] == [None]
        assert client.order.fetch(order_id)["id"] == order_id
        assert requests.delete(f"{sandbox.url}/sandbox/faults", timeout=TIMEOUT_S).json() == {"items": []}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"order_id": "order_x"},
            {"order_id": ["order_x"], "webhooks": {"off": True}},
            {"notes": "userId", "webhooks": {"off": True}},
            {"webhooks": {"explode": 1}},
            {"webhooks": {"duplicate": -1}},
            {"webhooks": {"reorder": "yes"}},
            {"webhooks": []},
            {"api": {"path": "/v1/orders"}},
            {"api": {"status": 200}},
            {"refunds": {"outcome": "lost"}},
            {"weather": {}},
        ],
    )
    def test_bad_input(self, sandbox: RazorpaySandbox, body: dict[str, Any]) -> None:
        assert post(sandbox, "/sandbox/faults", body).status_code == 400
        assert requests.get(f"{sandbox.url}/sandbox/faults", timeout=TIMEOUT_S).json() == {"items": []}


class TestRedeliver:
    def test_one_event_twenty_times_at_once(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        order_id, _ = paid(sandbox, client)
        settled(sandbox, 3, order_id=order_id)
        [captured] = events(sandbox, order_id=order_id, event="payment.captured")
        receiver.requests.clear()
        answer = post(sandbox, "/sandbox/webhooks/redeliver", {"event_id": captured["id"], "times": 20}).json()
        assert answer["sent"] == 20
        assert {delivery["status"] for delivery in answer["deliveries"]} == {200}
        assert len(receiver.requests) == 20
        assert {headers["x-razorpay-event-id"] for headers, _ in receiver.requests} == {captured["id"]}
        assert all(sound(headers, body) for headers, body in receiver.requests)

    def test_an_orders_events_in_reverse(
        self, sandbox: RazorpaySandbox, client: razorpay.Client, receiver: Receiver
    ) -> None:
        post(sandbox, "/sandbox/faults", {"webhooks": {"off": True}})
        order_id, _ = paid(sandbox, client)
        body = {"order_id": order_id, "reverse": True, "concurrent": False, "times": 2}
        assert post(sandbox, "/sandbox/webhooks/redeliver", body).json()["sent"] == 6
        assert receiver.names() == ["order.paid", "payment.captured", "payment.authorized"] * 2
        assert {event["state"] for event in events(sandbox)} == {"delivered"}

    @pytest.mark.parametrize(
        "body",
        [{}, {"times": 3}, {"order_id": "order_unknown"}, {"order_id": "order_x", "times": 0}, {"event_id": "nope"}],
    )
    def test_bad_input(self, sandbox: RazorpaySandbox, body: dict[str, Any]) -> None:
        assert post(sandbox, "/sandbox/webhooks/redeliver", body).status_code == 400


class TestLifecycle:
    def test_a_restart_keeps_state_and_delivers_what_was_pending(self, receiver: Receiver) -> None:
        receiver.answer = lambda _: 503
        first = new_sandbox(receiver.url, retry=RetryPolicy(first_delay_s=30))
        with background(first):
            client = new_client(first)
            order_id, payment_id = paid(first, client)
            headers = {"X-Refund-Idempotency": "refund-session-1"}
            refund = client.payment.refund(payment_id, {"amount": 100}, headers=dict(headers))
            wait_until("five attempts", lambda: len(receiver.requests) == 5, TIMEOUT_S)
        kept = json.loads(json.dumps(first.snapshot()))

        receiver.answer = lambda _: 200
        second = new_sandbox(receiver.url, first.port)
        second.restore(kept)
        with background(second):
            client = new_client(second)
            assert client.order.fetch(order_id)["status"] == "paid"
            assert client.payment.refund(payment_id, {"amount": 100}, headers=dict(headers)) == refund
            assert {event["state"] for event in settled(second, 5)} == {"delivered"}

    def test_a_taken_port_is_an_error(self, sandbox: RazorpaySandbox) -> None:
        with pytest.raises(OSError, match="address already in use"), background(new_sandbox(None, sandbox.port)):
            pass

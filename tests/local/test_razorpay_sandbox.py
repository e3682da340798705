"""The Razorpay sandbox's API, by the official client."""

import time
from typing import Any, ClassVar

import pytest
import razorpay
import requests
from razorpay.errors import BadRequestError

from local.sandboxes.razorpay import RazorpaySandbox
from tests.local.razorpay_sandbox import (
    KEY_ID,
    KEY_SECRET,
    TIMEOUT_S,
    new_order,
    paid,
    pay,
    post,
    settled,
)


class TestAuthentication:
    @pytest.mark.parametrize("auth", [None, (KEY_ID, "wrong"), ("wrong", KEY_SECRET)])
    def test_refused_in_razorpays_shape(self, sandbox: RazorpaySandbox, auth: tuple[str, str] | None) -> None:
        answer = requests.get(f"{sandbox.url}/v1/orders", auth=auth, timeout=TIMEOUT_S)
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert (error["code"], error["description"]) == ("BAD_REQUEST_ERROR", "Authentication failed")
        assert {"source", "step", "reason", "metadata"} <= set(error)

    @pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/orders")])
    def test_wrong_path_or_method(self, sandbox: RazorpaySandbox, method: str, path: str) -> None:
        answer = requests.request(method, sandbox.url + path, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S)
        assert answer.status_code == 400
        assert answer.json()["error"]["description"] == "The requested URL was not found on the server."


class TestOrders:
    def test_create_fetch_edit(self, client: razorpay.Client) -> None:
        order = new_order(client, 50_000, receipt="txn_1", notes={"userId": "u1"})
        assert order["id"].startswith("order_")
        assert len(order["id"]) == len("order_") + 14
        expected = {
            "entity": "order",
            "amount": 50_000,
            "amount_paid": 0,
            "amount_due": 50_000,
            "currency": "INR",
            "receipt": "txn_1",
            "status": "created",
            "attempts": 0,
            "notes": {"userId": "u1"},
            "offer_id": None,
        }
        assert {name: order[name] for name in expected} == expected
        assert client.order.fetch(order["id"]) == order
        assert client.order.edit(order["id"], {"notes": {"a": "b"}})["notes"] == {"a": "b"}

    def test_no_notes_are_an_empty_array(self, client: razorpay.Client) -> None:
        assert new_order(client)["notes"] == []

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"amount": 99}, "amount"),
            ({"amount": 0}, "amount"),
            ({"amount": -100}, "amount"),
            ({"amount": 100.5}, "amount"),
            ({"amount": "100"}, "amount"),
            ({"amount": True}, "amount"),
            ({"amount": None}, "amount"),
            ({"amount": 50_000_001}, "amount"),
            ({"currency": "USD"}, "currency"),
            ({"currency": None}, "currency"),
            ({"receipt": "x" * 41}, "receipt"),
            ({"notes": {str(n): "x" for n in range(16)}}, "notes"),
            ({"notes": {"a": "x" * 257}}, "notes"),
            ({"notes": "text"}, "notes"),
            ({"colour": "red"}, None),
        ],
    )
    def test_bad_input(self, sandbox: RazorpaySandbox, fields: dict[str, Any], field: str | None) -> None:
        body = {"amount": 100, "currency": "INR", **fields}
        answer = requests.post(f"{sandbox.url}/v1/orders", json=body, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "BAD_REQUEST_ERROR"
        assert answer.json()["error"].get("field") == field

    @pytest.mark.parametrize("body", [b"{", b'"text"', b"[1]"])
    def test_bad_json(self, sandbox: RazorpaySandbox, body: bytes) -> None:
        answer = requests.post(f"{sandbox.url}/v1/orders", data=body, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S)
        assert answer.status_code == 400

    def test_limits_themselves_are_allowed(self, client: razorpay.Client) -> None:
        notes = {str(number): "x" * 256 for number in range(15)}
        assert new_order(client, 100, receipt="x" * 40, notes=notes)["notes"] == notes

    def test_unknown_and_malformed_ids(self, client: razorpay.Client) -> None:
        with pytest.raises(BadRequestError, match="does not exist"):
            client.order.fetch("order_" + "x" * 14)
        with pytest.raises(BadRequestError, match="is not a valid id"):
            client.order.fetch("pay_" + "x" * 14)

    def test_list_by_page_and_receipt(self, client: razorpay.Client) -> None:
        ids = [new_order(client, receipt=f"r{number}")["id"] for number in range(12)]
        newest = client.order.all()
        assert newest["entity"] == "collection"
        assert (newest["count"], [order["id"] for order in newest["items"]]) == (10, ids[:1:-1])
        rest = client.order.all({"skip": 10, "count": 5})
        assert [order["id"] for order in rest["items"]] == [ids[1], ids[0]]
        assert [order["id"] for order in client.order.all({"receipt": "r3"})["items"]] == [ids[3]]
        with pytest.raises(BadRequestError, match="count"):
            client.order.all({"count": 101})
        assert client.order.all({"to": int(time.time()) - 3600})["items"] == []


class TestCustomers:
    MEERA: ClassVar = {"name": "Meera", "email": "meera@konnect.test", "contact": "+919000090000"}

    def test_create_fetch_edit(self, client: razorpay.Client) -> None:
        made = client.customer.create({**self.MEERA, "notes": {"uid": "meera"}})
        assert made["id"].startswith("cust_")
        assert {**self.MEERA, "entity": "customer", "gstin": None, "notes": {"uid": "meera"}}.items() <= made.items()
        client.customer.edit(made["id"], {"name": "Meera S."})
        assert client.customer.fetch(made["id"]) == {**made, "name": "Meera S."}
        assert client.customer.all()["items"] == [client.customer.fetch(made["id"])]

    def test_the_same_again(self, client: razorpay.Client) -> None:
        made = client.customer.create(self.MEERA)
        with pytest.raises(BadRequestError, match="Customer already exists for the merchant"):
            client.customer.create(self.MEERA)
        assert client.customer.create({**self.MEERA, "name": "Other", "fail_existing": "0"}) == made
        other = client.customer.create({**self.MEERA, "contact": None, "fail_existing": "0"})
        assert other["id"] != made["id"]
        with pytest.raises(BadRequestError, match="already exists"):
            client.customer.edit(other["id"], {"contact": self.MEERA["contact"]})

    @pytest.mark.parametrize(
        "fields", [{"name": "Me"}, {"name": "मीरा शर्मा"}, {"email": "nobody"}, {"contact": "12"}, {"phone": "1"}]
    )
    def test_bad_input(self, client: razorpay.Client, fields: dict[str, str]) -> None:
        with pytest.raises(BadRequestError):
            client.customer.create({**self.MEERA, **fields})

    def test_an_order_of_a_customer(self, client: razorpay.Client) -> None:
        customer_id = client.customer.create(self.MEERA)["id"]
        order = client.order.create({"amount": 100, "currency": "INR", "customer_id": customer_id})
        assert order["customer_id"] == customer_id
        with pytest.raises(BadRequestError, match="does not exist"):
            client.order.create({"amount": 100, "currency": "INR", "customer_id": "cust_" + "x" * 14})


class TestCheckout:
    def test_captured(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order = new_order(client)
        answer = pay(sandbox, order["id"])
        assert answer["razorpay_order_id"] == order["id"]
        assert client.utility.verify_payment_signature(answer)
        payment = client.payment.fetch(answer["razorpay_payment_id"])
        expected = {"amount": 10_000, "status": "captured", "captured": True, "order_id": order["id"], "method": "upi"}
        assert {name: payment[name] for name in expected} == expected
        assert (payment["fee"], payment["tax"]) == (236, 36)
        order = client.order.fetch(order["id"])
        assert (order["status"], order["attempts"], order["amount_paid"], order["amount_due"]) == ("paid", 1, 10_000, 0)

    def test_several_attempts(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client)["id"]
        error = pay(sandbox, order_id, "failed", method="card")["error"]
        assert error["code"] == "BAD_REQUEST_ERROR"
        assert {"description", "source", "step", "reason"} <= set(error)
        assert error["metadata"]["order_id"] == order_id
        assert client.order.fetch(order_id)["status"] == "attempted"
        failed = client.payment.fetch(error["metadata"]["payment_id"])
        assert (failed["status"], failed["error_reason"]) == ("failed", "payment_failed")
        captured = pay(sandbox, order_id)["razorpay_payment_id"]
        assert client.order.fetch(order_id)["attempts"] == 2
        payments = client.order.payments(order_id)
        assert [payment["id"] for payment in payments["items"]] == [failed["id"], captured]
        assert client.payment.all()["items"][0]["id"] == captured

    def test_a_paid_order_takes_no_more(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id, _ = paid(sandbox, client)
        again = post(sandbox, f"/sandbox/orders/{order_id}/pay", {"outcome": "captured"})
        assert again.status_code == 400
        assert "already paid" in again.json()["error"]["description"]
        assert client.order.fetch(order_id)["attempts"] == 1

    def test_a_failed_payment_can_succeed_late(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client)["id"]
        payment_id = pay(sandbox, order_id, "failed")["error"]["metadata"]["payment_id"]
        assert pay(sandbox, order_id, payment_id=payment_id)["razorpay_payment_id"] == payment_id
        assert client.payment.fetch(payment_id)["error_code"] is None
        assert client.order.fetch(order_id)["status"] == "paid"
        names = [event["event"] for event in settled(sandbox, 4, payment_id=payment_id)]
        assert names == ["payment.failed", "payment.authorized", "payment.captured", "order.paid"]

    def test_payment_notes_are_not_the_orders(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client, notes={"userId": "u1"})["id"]
        assert client.payment.fetch(pay(sandbox, order_id)["razorpay_payment_id"])["notes"] == []

    @pytest.mark.parametrize("body", [{}, {"outcome": "stolen"}, {"outcome": "captured", "method": "cash"}])
    def test_bad_input(self, sandbox: RazorpaySandbox, client: razorpay.Client, body: dict[str, Any]) -> None:
        order_id = new_order(client)["id"]
        assert post(sandbox, f"/sandbox/orders/{order_id}/pay", body).status_code == 400
        assert client.order.fetch(order_id)["status"] == "created"

    def test_a_browser_of_another_origin_may_pay(self, sandbox: RazorpaySandbox) -> None:
        answer = requests.options(f"{sandbox.url}/sandbox/orders/x/pay", timeout=TIMEOUT_S)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


class TestCapture:
    def test_once_and_for_the_whole_amount(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client)["id"]
        payment_id = pay(sandbox, order_id, "authorized")["razorpay_payment_id"]
        assert client.payment.fetch(payment_id)["status"] == "authorized"
        assert client.order.fetch(order_id)["status"] == "attempted"
        with pytest.raises(BadRequestError, match="must be equal to the amount authorized"):
            client.payment.capture(payment_id, 9_999, {"currency": "INR"})
        assert client.payment.capture(payment_id, 10_000, {"currency": "INR"})["captured"] is True
        assert client.order.fetch(order_id)["status"] == "paid"
        with pytest.raises(BadRequestError, match="already been captured"):
            client.payment.capture(payment_id, 10_000, {"currency": "INR"})
        names = [event["event"] for event in settled(sandbox, 3, payment_id=payment_id)]
        assert names == ["payment.authorized", "payment.captured", "order.paid"]

    def test_a_second_payment_of_a_paid_order(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id = new_order(client)["id"]
        late = pay(sandbox, order_id, "authorized")["razorpay_payment_id"]
        pay(sandbox, order_id)
        with pytest.raises(BadRequestError, match="already paid"):
            client.payment.capture(late, 10_000, {})
        assert client.payment.fetch(late)["status"] == "authorized"

    def test_a_failed_payment(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        payment_id = pay(sandbox, new_order(client)["id"], "failed")["error"]["metadata"]["payment_id"]
        with pytest.raises(BadRequestError, match="authorized and not yet captured"):
            client.payment.capture(payment_id, 10_000, {})


class TestRefunds:
    def test_partial_then_the_rest(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id, payment_id = paid(sandbox, client)
        first = client.payment.refund(payment_id, {"amount": 4_000, "notes": {"why": "no-show"}})
        assert (first["entity"], first["amount"], first["status"]) == ("refund", 4_000, "processed")
        payment = client.payment.fetch(payment_id)
        assert (payment["amount_refunded"], payment["refund_status"]) == (4_000, "partial")
        assert payment["status"] == "captured"
        with pytest.raises(BadRequestError, match="greater than the refund payment amount"):
            client.payment.refund(payment_id, {"amount": 6_001})
        second = client.payment.refund(payment_id, {})
        assert second["amount"] == 6_000
        payment = client.payment.fetch(payment_id)
        assert (payment["status"], payment["refund_status"], payment["captured"]) == ("refunded", "full", True)
        assert client.order.fetch(order_id)["status"] == "paid"
        with pytest.raises(BadRequestError, match="fully refunded already"):
            client.payment.refund(payment_id, {})
        assert client.payment.fetch_refund_id(payment_id, first["id"])["amount"] == 4_000
        listed = client.payment.fetch_multiple_refund(payment_id)["items"]
        assert [refund["id"] for refund in listed] == [second["id"], first["id"]]
        assert client.refund.fetch(second["id"])["payment_id"] == payment_id
        names = [event["event"] for event in settled(sandbox, 7, payment_id=payment_id)]
        assert names[3:] == ["refund.created", "refund.processed"] * 2

    def test_above_the_captured_amount(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        _, payment_id = paid(sandbox, client)
        with pytest.raises(BadRequestError, match="greater than amount captured"):
            client.payment.refund(payment_id, {"amount": 10_001})
        assert client.payment.fetch(payment_id)["amount_refunded"] == 0

    def test_only_captured_payments(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        payment_id = pay(sandbox, new_order(client)["id"], "authorized")["razorpay_payment_id"]
        with pytest.raises(BadRequestError, match="should be captured"):
            client.payment.refund(payment_id, {})

    def test_what_nobody_captures_lapses(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        payment_id = pay(sandbox, new_order(client)["id"], "authorized")["razorpay_payment_id"]
        refund = post(sandbox, f"/sandbox/payments/{payment_id}/lapse").json()
        assert (refund["payment_id"], refund["amount"], refund["status"]) == (payment_id, 10_000, "processed")
        payment = client.payment.fetch(payment_id)
        assert (payment["status"], payment["amount_refunded"], payment["captured"]) == ("refunded", 10_000, False)
        with pytest.raises(BadRequestError, match="authorized and not yet captured"):
            client.payment.capture(payment_id, 10_000)
        assert post(sandbox, f"/sandbox/payments/{payment_id}/lapse").status_code == 400

    def test_idempotency_key(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        _, payment_id = paid(sandbox, client)
        key = {"X-Refund-Idempotency": "refund-session-1"}
        first = client.payment.refund(payment_id, {"amount": 4_000}, headers=dict(key))
        assert client.payment.refund(payment_id, {"amount": 4_000}, headers=dict(key)) == first
        assert client.payment.fetch(payment_id)["amount_refunded"] == 4_000
        with pytest.raises(BadRequestError, match="Different request with the same idempotency key"):
            client.payment.refund(payment_id, {"amount": 5_000}, headers=dict(key))
        for bad in ("short", "with spaces in it"):
            with pytest.raises(BadRequestError, match="idempotency key must"):
                client.payment.refund(payment_id, {"amount": 4_000}, headers={"X-Refund-Idempotency": bad})

    def test_a_refund_that_fails_gives_the_amount_back(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id, payment_id = paid(sandbox, client)
        post(sandbox, "/sandbox/faults", {"order_id": order_id, "refunds": {"outcome": "failed"}})
        refund = client.payment.refund(payment_id, {})
        assert refund["status"] == "pending"
        assert client.refund.fetch(refund["id"])["status"] == "failed"
        assert client.payment.fetch(payment_id)["amount_refunded"] == 0
        names = [event["event"] for event in settled(sandbox, 2, refund_id=refund["id"])]
        assert names == ["refund.created", "refund.failed"]

    def test_a_pending_refund_ends_when_told(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        _, payment_id = paid(sandbox, client)
        post(sandbox, "/sandbox/faults", {"refunds": {"outcome": "pending"}})
        refund = client.refund.create({"payment_id": payment_id, "amount": 100})
        assert [event["event"] for event in settled(sandbox, 1, refund_id=refund["id"])] == ["refund.created"]
        assert (
            post(sandbox, f"/sandbox/refunds/{refund['id']}", {"outcome": "processed"}).json()["status"] == "processed"
        )
        assert post(sandbox, f"/sandbox/refunds/{refund['id']}", {"outcome": "failed"}).status_code == 400
        assert client.payment.fetch(payment_id)["amount_refunded"] == 100


class TestPage:
    def test_lists_everything_and_escapes_it(self, sandbox: RazorpaySandbox, client: razorpay.Client) -> None:
        order_id, payment_id = paid(sandbox, client)
        refund_id = client.payment.refund(payment_id, {"amount": 100})["id"]
        open_order = new_order(client, receipt="<script>", notes={"<b>": "<i>"})["id"]
        settled(sandbox, 5, order_id=order_id)
        page = requests.get(sandbox.url, timeout=TIMEOUT_S)
        assert page.headers["Content-Type"].startswith("text/html")
        for shown in (order_id, payment_id, refund_id, "payment.captured", "&lt;script&gt;", "&lt;b&gt;: &lt;i&gt;"):
            assert shown in page.text
        assert f'data-order="{open_order}"' in page.text
        assert f'data-order="{order_id}"' not in page.text

"""Stripe's sandbox, by the official client: what is refused, repeated, paid at the page, signed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import stripe
from stripe import WebhookSignature

from konnect.config import load
from konnect.errors import KonnectError, Unavailable
from konnect.integrations.gateway import Refused
from konnect.integrations.stripe.client import Gateway, StripeGateway
from local.sandboxes.stripe.webhooks import sign
from tests.course_sales.till import SECRET_KEY, WEBHOOK_SECRET, Running, of, running

TIMEOUT_S = 60
LINE = {"price_data": {"currency": "inr", "unit_amount": 499_00, "product_data": {"name": "SQL"}}, "quantity": 1}
SESSION: dict[str, Any] = {
    "mode": "payment",
    "line_items": [LINE],
    "success_url": "https://shop.test/done?s={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.test/back",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def client(sandbox: Running) -> Any:
    return stripe.StripeClient(SECRET_KEY, base_addresses={"api": sandbox[0].url}, max_network_retries=0).v1


@pytest.fixture
def gateway(sandbox: Running) -> Gateway:
    return of(load(), sandbox[0])


@pytest.fixture
def act(sandbox: Running) -> Iterator[Callable[..., Any]]:
    url = f"{sandbox[0].url}/sandbox/"

    def act(path: str, body: Any = None) -> Any:
        answer = requests.post(url + path, json=body or {}, timeout=TIMEOUT_S)
        assert answer.ok, answer.text
        return answer.json()

    yield act
    requests.delete(f"{url}faults", timeout=TIMEOUT_S)


def checkout(gateway: Gateway, key: str = "key", **changed: Any) -> Any:
    given: dict[str, Any] = {
        "amount_paise": 499_00,
        "currency": "INR",
        "name": "SQL",
        "receipt": "r1",
        "metadata": {"kind": "course"},
        "email": "meera@konnect.test",
        "success_url": SESSION["success_url"],
        "cancel_url": SESSION["cancel_url"],
        "idempotency_key": key,
    }
    return gateway.open_checkout(**{**given, **changed})


class TestApi:
    def test_a_session_as_stripe_answers_it(self, client: Any) -> None:
        made = client.checkout.sessions.create(SESSION).to_dict()
        assert (made["object"], made["status"], made["payment_status"]) == ("checkout.session", "open", "unpaid")
        assert (made["amount_total"], made["currency"], made["payment_intent"]) == (499_00, "inr", None)
        assert made["id"].startswith("cs_test_")
        assert client.checkout.sessions.retrieve(made["id"]).to_dict() == made

    @pytest.mark.parametrize(
        ("changed", "param"),
        [
            ({"mode": "subscription"}, "mode"),
            ({"line_items": []}, "line_items"),
            ({"success_url": "javascript:alert(1)"}, "success_url"),
            ({"amount": 1}, "amount"),
            ({"metadata": {"long": "x" * 501}}, "metadata[long]"),
            ({"line_items": [{**LINE, "quantity": 0}]}, "quantity"),
        ],
    )
    def test_refused(self, client: Any, changed: dict[str, Any], param: str) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.checkout.sessions.create({**SESSION, **changed})
        assert refused.value.param == param

    def test_whose_key(self, sandbox: Running) -> None:
        other = stripe.StripeClient("sk_other", base_addresses={"api": sandbox[0].url}, max_network_retries=0).v1
        with pytest.raises(stripe.AuthenticationError):
            other.checkout.sessions.create(SESSION)

    def test_a_repeat_by_its_key(self, client: Any) -> None:
        options = {"idempotency_key": "one"}
        first = client.checkout.sessions.create(SESSION, options)
        assert client.checkout.sessions.create(SESSION, options).id == first.id
        with pytest.raises(stripe.IdempotencyError):
            client.checkout.sessions.create({**SESSION, "customer_email": "a@b.test"}, options)

    def test_a_failure_is_remembered_by_its_key(self, client: Any, act: Callable[..., Any]) -> None:
        act("faults", {"status": 500})
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                client.checkout.sessions.create(SESSION, {"idempotency_key": "failed"})
        assert client.checkout.sessions.create(SESSION, {"idempotency_key": "another"}).status == "open"

    def test_expired_once(self, client: Any) -> None:
        made = client.checkout.sessions.create(SESSION)
        assert client.checkout.sessions.expire(made.id).status == "expired"
        with pytest.raises(stripe.InvalidRequestError):
            client.checkout.sessions.expire(made.id)

    def test_not_more_refunded_than_paid(self, client: Any, act: Callable[..., Any]) -> None:
        made = client.checkout.sessions.create(SESSION)
        intent = act(f"sessions/{made.id}/pay", {"outcome": "paid"})["payment_intent"]
        client.refunds.create({"payment_intent": intent, "amount": 400_00})
        with pytest.raises(stripe.InvalidRequestError):
            client.refunds.create({"payment_intent": intent, "amount": 100_00})
        client.refunds.create({"payment_intent": intent})
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.refunds.create({"payment_intent": intent})
        assert refused.value.code == "charge_already_refunded"


class TestEvents:
    """GET /v1/events."""

    @pytest.fixture
    def intent(self, client: Any, act: Callable[..., Any]) -> str:
        act("faults", {"webhooks": "off"})
        made = client.checkout.sessions.create(SESSION)
        intent = str(act(f"sessions/{made.id}/pay", {"outcome": "paid"})["payment_intent"])
        for _ in range(4):
            act(f"payments/{intent}/refund", {"amount": 1_00})
        return intent

    def test_as_stripe_lists_them(self, client: Any, intent: str) -> None:
        listed = client.events.list({"types": ["charge.refunded", "charge.dispute.created"], "limit": 2})
        assert (listed.has_more, listed.url, len(listed.data)) == (True, "/v1/events", 2)
        newest, before = listed.data
        assert newest.data.object["amount_refunded"] == before.data.object["amount_refunded"] + 1_00 == 4_00
        assert (newest.object, newest.type, newest.pending_webhooks) == ("event", "charge.refunded", 1)
        assert client.events.retrieve(newest.id).to_dict() == newest.to_dict()

    def test_paged_both_ways(self, client: Any, intent: str) -> None:
        params = {"type": "charge.refund*", "limit": 1}
        newest = client.events.list(params).data[0]
        pages = client.events.list({**params, "starting_after": newest.id}).auto_paging_iter()
        amounts = [one.data.object["amount_refunded"] for one in pages if one.data.object["payment_intent"] == intent]
        assert amounts == [3_00, 2_00, 1_00]
        paid = client.events.list({"type": "payment_intent.succeeded", "limit": 1}).data[0]
        newer = client.events.list({**params, "ending_before": paid.id}).auto_paging_iter()
        assert [one.data.object["amount_refunded"] for one in newer] == [1_00, 2_00, 3_00, 4_00]

    def test_between_times_and_undelivered(self, client: Any, intent: str) -> None:
        [newest] = client.events.list({"limit": 1}).data
        at = newest.created
        for created, there in (
            ({"gte": at, "lte": at}, True),
            ({"gt": at}, False),
            ({"lt": at - 60}, False),
            (at, True),
        ):
            found = client.events.list({"created": created, "limit": 100}).data
            assert (newest.id in {one.id for one in found}) == there
        assert client.events.list({"delivery_success": False, "limit": 1}).data[0].id == newest.id
        assert client.events.list({"delivery_success": True}).data == []

    @pytest.mark.parametrize(
        "params",
        [
            {"type": "charge.refunded", "types": ["charge.refunded"]},
            {"types": ["charge.refunded"] * 21},
            {"starting_after": "evt_none"},
            {"starting_after": "evt_1", "ending_before": "evt_2"},
            {"created": {"after": 1}},
            {"limit": 101},
            {"status": "failed"},
        ],
    )
    def test_refused(self, client: Any, params: dict[str, Any]) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            client.events.list(params)
        with pytest.raises(stripe.InvalidRequestError):
            client.events.retrieve("evt_none")

    def test_as_the_gateway_reads_them(self, gateway: Gateway, intent: str) -> None:
        now = datetime.now(UTC)
        span = {"since": now - timedelta(minutes=5), "until": now + timedelta(minutes=5), "limit": 3}
        first, more = gateway.events(["charge.refunded"], **span, after=None)
        rest, _ = gateway.events(["charge.refunded"], **span, after=first[-1].id)
        assert (len(first), more) == (3, True)
        assert {one.payment_id for one in (*first, rest[0])} == {intent}
        assert {one.name for one in rest} == {"charge.refunded"}
        with pytest.raises(Refused):
            gateway.events(["charge.refunded"], **span, after="evt_none")


class TestPage:
    def test_paid_declined_and_over(self, client: Any) -> None:
        made = client.checkout.sessions.create(SESSION)
        declined = requests.post(made.url, {"outcome": "declined"}, timeout=TIMEOUT_S)
        assert "insufficient funds" in declined.text
        paid = requests.post(made.url, {"outcome": "paid"}, allow_redirects=False, timeout=TIMEOUT_S)
        assert (paid.status_code, paid.headers["Location"]) == (303, f"https://shop.test/done?s={made.id}")
        assert "This checkout is complete." in requests.get(made.url, timeout=TIMEOUT_S).text

    def test_what_comes_from_outside_is_escaped(self, client: Any, sandbox: Running) -> None:
        name = "<script>alert(1)</script>"
        line = {**LINE, "price_data": {**LINE["price_data"], "product_data": {"name": name}}}  # type: ignore[dict-item]
        made = client.checkout.sessions.create({**SESSION, "line_items": [line]})
        assert name not in requests.get(made.url, timeout=TIMEOUT_S).text
        assert made.id in requests.get(sandbox[0].url, timeout=TIMEOUT_S).text


class TestGateway:
    """Our adapter on the official client."""

    def test_from_opening_to_the_refund(self, gateway: Gateway, act: Callable[..., Any]) -> None:
        opened = checkout(gateway, "whole")
        assert opened.payment is None
        assert opened.expires_at - datetime.now(UTC) > timedelta(hours=23)
        act(f"sessions/{opened.id}/pay", {"outcome": "declined"})
        [failed] = gateway.payments_of_order(opened.id)
        assert (failed.status, failed.error_code) == ("failed", "insufficient_funds")
        act(f"sessions/{opened.id}/pay", {"outcome": "paid"})
        [paid] = gateway.payments_of_order(opened.id)
        assert (paid.captured, paid.amount_paise, paid.currency, paid.method) == (True, 499_00, "INR", "card")
        assert gateway.fetch_payment(paid.id) == paid == gateway.capture(paid)
        back = {"payment_id": paid.id, "amount_paise": 499_00, "reference": "our-1", "idempotency_key": "back"}
        refund = gateway.refund(**back)
        assert (refund.status, refund.reference, refund.payment_id) == ("processed", "our-1", paid.id)
        assert gateway.refund(**back) == refund == gateway.fetch_refund(refund.id) == gateway.refunds_of(paid.id)[0]
        gateway.expire_checkout(opened.id)

    @pytest.mark.parametrize("status", [429, 500])
    def test_what_may_be_tried_again(self, gateway: Gateway, act: Callable[..., Any], status: int) -> None:
        act("faults", {"status": status, "times": 2})
        with pytest.raises(Unavailable):
            gateway.refunds_of("pi_1")

    def test_what_may_not(self, gateway: Gateway) -> None:
        for call in (
            lambda: gateway.fetch_checkout("cs_nothing"),
            lambda: gateway.fetch_payment("pi_nothing"),
            lambda: gateway.refund(payment_id="pi_x", amount_paise=1, reference="r", idempotency_key="k"),
            lambda: checkout(gateway, "bad", currency="usd"),
        ):
            with pytest.raises(Refused):
                call()

    def test_nobody_there(self, gateway: Gateway) -> None:
        settings = load().model_copy(update={"stripe_url": "http://127.0.0.1:9", "stripe_secret_key": SECRET_KEY})
        with pytest.raises(KonnectError) as refused:
            StripeGateway(settings).fetch_checkout("cs_1")
        assert refused.value.code == "UNAVAILABLE"


class TestWebhooks:
    def test_signed_and_delivered_again(self, sandbox: Running, client: Any, act: Callable[..., Any]) -> None:
        made = client.checkout.sessions.create(SESSION)
        act(f"sessions/{made.id}/pay", {"outcome": "paid"})
        events = requests.get(f"{sandbox[0].url}/sandbox/events", params={"about": made.id}, timeout=TIMEOUT_S).json()
        names = {one["type"] for one in events["items"]}
        assert names == {"payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"}
        # Without a URL they are only recorded.
        assert {one["state"] for one in events["items"]} == {"held"}
        envelope = json.loads(events["items"][0]["body"])
        assert (envelope["object"], envelope["data"]["object"]["id"][:3]) == ("event", "pi_")

    def test_the_official_library_accepts_the_signature(self) -> None:
        at = int(datetime.now(UTC).timestamp())
        assert WebhookSignature.verify_header("{}", sign("{}", WEBHOOK_SECRET, at), WEBHOOK_SECRET, 300)

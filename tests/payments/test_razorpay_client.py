"""The gateway over Razorpay's official client: errors become ours, nothing hangs, nothing is printed, nothing is done
twice."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from konnect.config import Settings
from konnect.errors import BadGateway, KonnectError, Unavailable
from konnect.integrations.razorpay import signatures
from konnect.integrations.razorpay.client import Gateway, RazorpayGateway
from konnect.integrations.razorpay.entities import Payment, Refund

from .conftest import KEY_SECRET, Shop


@pytest.fixture
def gateway(settings: Settings) -> Gateway:
    return RazorpayGateway(settings)


def open_order(gateway: Gateway, amount_paise: int = 50000, receipt: str = "r-1") -> str:
    return gateway.create_order(amount_paise=amount_paise, currency="INR", receipt=receipt, notes={"kind": "deposit"})


def test_an_order_its_payments_and_a_capture(gateway: Gateway, shop: Shop) -> None:
    shop.no_webhooks()
    order_id = open_order(gateway)
    assert gateway.payments_of_order(order_id) == []
    failed = shop.pay(order_id, "failed")
    authorized = shop.pay(order_id, "authorized")
    by_id = {payment.id: payment for payment in gateway.payments_of_order(order_id)}
    assert by_id[failed.payment_id].status == "failed"
    assert by_id[failed.payment_id].error_description
    payment = gateway.fetch_payment(authorized.payment_id)
    assert payment == by_id[authorized.payment_id]
    assert (payment.order_id, payment.amount_paise, payment.currency) == (order_id, 50000, "INR")
    assert not payment.captured
    assert gateway.capture(payment).captured
    assert gateway.fetch_payment(payment.id).captured
    assert gateway.checkout_matches(order_id, payment.id, authorized.signature)
    assert not gateway.checkout_matches(order_id, failed.payment_id, authorized.signature)
    with pytest.raises(BadGateway):
        gateway.capture(payment)


def test_the_account_s_refunds(gateway: Gateway, shop: Shop) -> None:
    shop.no_webhooks()
    payment_id = shop.pay(open_order(gateway)).payment_id
    made = [shop.refund(payment_id, paise) for paise in (100_00, 200_00, 150_00)]
    since, until = (datetime.fromtimestamp(made[index]["created_at"], UTC) for index in (0, -1))
    newest_first = [Refund.parse(one) for one in reversed(made)]
    assert gateway.refunds_made(since, until, skip=0, limit=100)[:3] == newest_first
    assert gateway.refunds_made(since, until, skip=1, limit=1) == newest_first[1:2]
    assert gateway.refunds_made(until + timedelta(seconds=1), until + timedelta(days=1), skip=0, limit=100) == []
    assert gateway.refunds_made(since - timedelta(days=9), since - timedelta(days=8), skip=0, limit=100) == []
    with pytest.raises(BadGateway):
        gateway.refunds_made(since, until, skip=0, limit=101)


def test_a_refusal_carries_what_razorpay_said(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    for call in (
        lambda: open_order(gateway, amount_paise=10),
        lambda: open_order(gateway, receipt="x" * 41),
        lambda: gateway.fetch_payment("pay_unknown"),
        lambda: gateway.fetch_payment("../orders"),
        lambda: gateway.payments_of_order("order_00000000000000"),
    ):
        with pytest.raises(BadGateway) as raised:
            call()
        [detail] = raised.value.details
        assert detail["code"] == "BAD_REQUEST_ERROR"
        assert detail["description"]
    assert capsys.readouterr().out == ""


def test_wrong_keys_are_told_to_nobody(settings: Settings) -> None:
    stranger = RazorpayGateway(settings.model_copy(update={"razorpay_key_secret": "wrong"}))
    with pytest.raises(BadGateway) as raised:
        open_order(stranger)
    assert raised.value.details == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_read_is_tried_once_more_a_write_is_not(gateway: Gateway, shop: Shop, status: int) -> None:
    order_id = open_order(gateway)
    # Too many requests are not answered with one more.
    repeats = 0 if status == 429 else 1
    if repeats:
        shop.fault(api={"status": status, "times": repeats})
        assert gateway.payments_of_order(order_id) == []
    shop.fault(api={"status": status, "times": repeats + 1})
    with pytest.raises(Unavailable):
        gateway.payments_of_order(order_id)
    before = len(shop.provider_orders())
    shop.fault(api={"status": status, "times": 1})
    with pytest.raises(Unavailable):
        open_order(gateway)
    assert len(shop.provider_orders()) == before


def test_time_out_and_no_connection_print_nothing(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            open_order(RazorpayGateway(settings.model_copy(update={"razorpay_url": url, "razorpay_timeout_s": 0.1})))
    with pytest.raises(Unavailable):
        open_order(RazorpayGateway(settings.model_copy(update={"razorpay_url": url})))
    assert capsys.readouterr().out == ""


@pytest.fixture
def answering() -> Iterator[Callable[[int, str], str]]:
    """A server that answers everything with one status and body; returns its URL."""
    answer: list[Any] = [200, ""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer[1].encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def answers(status: int, body: str) -> str:
        answer[:] = [status, body]
        return f"http://127.0.0.1:{server.server_port}"

    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, "<html>Bad gateway</html>", Unavailable),
        (200, "<html>Sign in to the hotel's network</html>", Unavailable),
        (200, "[]", Unavailable),
        (200, '{"items": 5}', Unavailable),
        (200, "", Unavailable),
        (404, "{}", BadGateway),
        (400, '{"error": "text"}', BadGateway),
    ],
)
def test_answers_that_are_not_razorpays(
    settings: Settings,
    answering: Callable[[int, str], str],
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: str,
    expected: type[KonnectError],
) -> None:
    gateway = RazorpayGateway(settings.model_copy(update={"razorpay_url": answering(status, body)}))
    for call in (
        lambda: open_order(gateway),
        lambda: gateway.fetch_payment("pay_1"),
        lambda: gateway.payments_of_order("order_1"),
    ):
        with pytest.raises(expected):
            call()
    assert capsys.readouterr().out == ""


PAYMENT = {"id": "pay_1", "order_id": "order_1", "amount": 100, "currency": "INR", "status": "captured"}


def test_entities() -> None:
    assert Payment.parse(PAYMENT) == Payment("pay_1", "order_1", 100, "INR", "captured")
    assert Payment.parse({**PAYMENT, "order_id": None}).order_id == ""
    assert Payment.parse({**PAYMENT, "status": "refunded"}).captured
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 100, "status": "processed"}
    assert Refund.parse(refund) == Refund("rfnd_1", "pay_1", 100, "processed")


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""},
        {"id": 5},
        {"amount": "100"},
        {"amount": 0},
        {"amount": -1},
        {"amount": True},
        {"amount": 1.5},
        {"currency": None},
        {"status": None},
    ],
)
def test_what_is_no_payment(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Payment.parse({**PAYMENT, **changed})


def test_signatures() -> None:
    signed = signatures.sign(b"order_1|pay_1", KEY_SECRET)
    assert signatures.verify(b"order_1|pay_1", signed, KEY_SECRET)
    for forged in ("", signed[:-1], signed.upper(), "é" * 64, "\ud800"):
        assert not signatures.verify(b"order_1|pay_1", forged, KEY_SECRET)
    assert not signatures.verify(b"order_1|pay_2", signed, KEY_SECRET)
    assert not signatures.verify(b"order_1|pay_1", signatures.sign(b"order_1|pay_1", ""), "")

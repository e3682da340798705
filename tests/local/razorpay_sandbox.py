"""What the tests of the Razorpay sandbox share: a receiver of webhooks on a real port, short calls of the API."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import razorpay
import requests

from local.sandboxes.razorpay import RazorpaySandbox, RetryPolicy

KEY_ID, KEY_SECRET, WEBHOOK_SECRET = "rzp_test_local", "key-secret", "webhook-secret"
TIMEOUT_S = 60
FAST = RetryPolicy(first_delay_s=0.01, max_delay_s=0.05, max_attempts=4, timeout_s=60.0)


class Receiver:
    """Takes webhooks and answers 200, or what `answer` says of the request's number (from 0)."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], str]] = []
        self.answer: Callable[[int], int] = lambda _: 200
        lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with lock:
                    number = len(receiver.requests)
                    receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answer(number))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            # The default of 5 waiting connections would refuse a burst.
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/payments/webhook"

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()

    def names(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.requests]


def new_sandbox(webhook_url: str | None, port: int = 0, retry: RetryPolicy = FAST) -> RazorpaySandbox:
    return RazorpaySandbox(
        port,
        key_id=KEY_ID,
        key_secret=KEY_SECRET,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=webhook_url,
        retry=retry,
    )


def post(sandbox: RazorpaySandbox, path: str, body: Any = None) -> requests.Response:
    return requests.post(sandbox.url + path, json={} if body is None else body, timeout=TIMEOUT_S)


def pay(sandbox: RazorpaySandbox, order_id: str, outcome: str = "captured", **fields: Any) -> dict[str, Any]:
    answer = post(sandbox, f"/sandbox/orders/{order_id}/pay", {"outcome": outcome, **fields})
    answer.raise_for_status()
    return answer.json()


def new_client(sandbox: RazorpaySandbox) -> razorpay.Client:
    return razorpay.Client(auth=(KEY_ID, KEY_SECRET), base_url=sandbox.url)


def new_order(client: razorpay.Client, amount: int = 10_000, **fields: Any) -> dict[str, Any]:
    return client.order.create({"amount": amount, "currency": "INR", **fields}, timeout=TIMEOUT_S)


def paid(sandbox: RazorpaySandbox, client: razorpay.Client, amount: int = 10_000) -> tuple[str, str]:
    """(order id, payment id) of a captured payment."""
    order_id = new_order(client, amount)["id"]
    return order_id, pay(sandbox, order_id)["razorpay_payment_id"]


def events(sandbox: RazorpaySandbox, **filters: str) -> list[dict[str, Any]]:
    return requests.get(f"{sandbox.url}/sandbox/events", params=filters, timeout=TIMEOUT_S).json()["items"]


def settled(sandbox: RazorpaySandbox, count: int, **filters: str) -> list[dict[str, Any]]:
    """The events once there are `count` and none is pending."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        found = events(sandbox, **filters)
        if len(found) == count and all(event["state"] != "pending" for event in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def sound(headers: dict[str, str], body: str) -> bool:
    expected = hmac.new(WEBHOOK_SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    return headers["x-razorpay-signature"] == expected

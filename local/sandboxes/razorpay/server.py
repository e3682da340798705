"""The sandbox's HTTP server: Razorpay's API under `/v1`, the sandbox's own paths under `/sandbox`, a page at `/`."""

import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.listening import HttpService
from local.sandboxes.razorpay import errors
from local.sandboxes.razorpay.contacts import Contacts
from local.sandboxes.razorpay.control import Control
from local.sandboxes.razorpay.core import Core, Resource
from local.sandboxes.razorpay.customers import Customers
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.faults import Faults
from local.sandboxes.razorpay.http import read_json
from local.sandboxes.razorpay.orders import Orders
from local.sandboxes.razorpay.payments import Payments
from local.sandboxes.razorpay.payouts import Payouts
from local.sandboxes.razorpay.plans import Plans
from local.sandboxes.razorpay.refunds import Refunds
from local.sandboxes.razorpay.settlements import Settlements
from local.sandboxes.razorpay.state import Entity, State
from local.sandboxes.razorpay.subscriptions import Subscriptions
from local.sandboxes.razorpay.webhooks import Webhooks
from local.sandboxes.webhooks import RetryPolicy

# A further resource is a class here, with collections of its own in the state.
RESOURCES: tuple[Callable[[Core], Resource], ...] = (
    Customers,
    Orders,
    Payments,
    Refunds,
    Settlements,
    Contacts,
    Payouts,
    Plans,
    Subscriptions,
    Control,
)

ACCOUNT_NUMBER = "7878780080316316"
"""Of the account that payouts are made from."""
MAX_BODY_BYTES = 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# The checkout runs in the shop's page, so a browser on another origin may call the sandbox's own paths.
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
}


class RazorpaySandbox(HttpService):
    """A Razorpay account on this machine.

    `razorpay.Client(auth=(key_id, key_secret), base_url=sandbox.url)` works against it. Webhooks go to `webhook_url`,
    signed with `webhook_secret` (those of payouts with `payout_webhook_secret`, if it is given); without one they are
    only recorded. Port 0 takes any free port.
    """

    def __init__(
        self,
        port: int,
        *,
        key_id: str,
        key_secret: str,
        webhook_secret: str,
        webhook_url: str | None,
        payout_webhook_secret: str | None = None,
        account_number: str = ACCOUNT_NUMBER,
        host: str = "127.0.0.1",
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(port, host)
        state, faults = State(), Faults()
        payout_secret = payout_webhook_secret or webhook_secret
        webhooks = Webhooks(state, faults, webhook_secret, payout_secret, webhook_url, retry or RetryPolicy())
        self._core = Core(key_id, key_secret, account_number, webhooks, state, faults)
        self._authorization = b"Basic " + b64encode(f"{key_id}:{key_secret}".encode())

    @property
    def webhook_url(self) -> str | None:
        return self._core.webhooks.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._core.webhooks.url = url

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer_errors, self._guard_api], client_max_size=MAX_BODY_BYTES)
        for resource in RESOURCES:
            app.add_routes(resource(self._core).routes())
        app.router.add_route("OPTIONS", "/sandbox/{tail:.*}", self._preflight)
        return app

    async def start(self) -> None:
        await super().start()
        await self._core.webhooks.start()

    async def stop(self) -> None:
        await super().stop()
        await self._core.webhooks.stop()

    async def drain(self) -> None:
        """Wait until no webhook is being delivered or retried."""
        await self._core.webhooks.drain()

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON values, for a restart. Faults are not part of it."""
        return self._core.state.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take the state of a `snapshot`; before `start`, so that its pending webhooks are resumed."""
        self._core.state.restore(snapshot)

    async def _preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every error in Razorpay's shape, also for a wrong path, method or a body that is too large."""
        try:
            response = await handler(request)
        except RazorpayError as error:
            response = web.json_response(error.body(), status=error.status)
        except web.HTTPException as error:
            known = errors.url_not_found() if error.status in (404, 405) else errors.of_status(error.status)
            response = web.json_response(known.body(), status=known.status)
        if request.path.startswith("/sandbox/"):
            response.headers.update(CORS_HEADERS)
        return response

    @web.middleware
    async def _guard_api(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Authenticate `/v1`, and let the faults on request happen there."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            raise errors.authentication_failed()
        fault = self._core.faults.take_api(await self._order_of(request), request.method, request.path)
        if fault is None:
            return await handler(request)
        response = await handler(request) if fault.applied else None
        await self._core.faults.wait(fault, fault.timeout_ms)
        if fault.status is not None:
            raise errors.of_status(fault.status)
        return response or await handler(request)

    async def _order_of(self, request: web.Request) -> Entity | None:
        """The order or payout that a request is about, as far as faults limited to one need it; also one to be
        created."""
        state, found = self._core.state, request.match_info
        if request.method == "POST" and request.path == "/v1/payouts":
            return {"notes": (await read_json(request)).get("notes")}
        if request.path == "/v1/payouts" and "reference_id" in request.query:
            reference = request.query["reference_id"]
            return next((one for one in state.all("payouts") if one["reference_id"] == reference), None)
        if request.method == "POST" and request.path == "/v1/subscriptions":
            return {"notes": (await read_json(request)).get("notes")}
        if "subscription_id" in found:
            return state.find("subscriptions", found["subscription_id"])
        if "payout_id" in found:
            return state.find("payouts", found["payout_id"])
        refund = state.find("refunds", found.get("refund_id", ""))
        payment_id = refund["payment_id"] if refund else found.get("payment_id", "")
        if request.method == "POST" and request.path == "/v1/refunds":
            payment_id = str((await read_json(request)).get("payment_id", ""))
        payment = state.find("payments", payment_id)
        order_id = payment["order_id"] if payment else found.get("order_id", "")
        if request.method == "POST" and request.path == "/v1/orders":
            return {"notes": (await read_json(request)).get("notes")}
        return state.find("orders", order_id)

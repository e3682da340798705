"""The sandbox's HTTP server: Stripe's API under `/v1`, the hosted checkout under `/pay`, the sandbox's own paths under
`/sandbox`, a page at `/`."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.listening import HttpService
from local.sandboxes.stripe import errors, page
from local.sandboxes.stripe.checkout import Checkout
from local.sandboxes.stripe.core import Core, Fault
from local.sandboxes.stripe.errors import StripeError
from local.sandboxes.stripe.events import Events
from local.sandboxes.stripe.refunds import Refunds
from local.sandboxes.stripe.webhooks import Webhooks
from local.sandboxes.webhooks import RetryPolicy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StripeSandbox(HttpService):
    """A Stripe account on this machine.

    `stripe.StripeClient(secret_key, base_addresses={"api": sandbox.url})` works against it. Webhooks go to
    `webhook_url`, signed with `webhook_secret`; without one they are only recorded. Port 0 takes any free port.

    POST /sandbox/faults {"status", "times"?, "applied"?, "path"?} makes the next requests fail (a part of their path
    limits them), {"webhooks": "off" | "on"} and {"refunds": "succeeded" | "pending"} say what becomes of those;
    DELETE takes it all back. GET /sandbox/events?about=&type=; POST /sandbox/events/redeliver {"about", "type"?,
    "times"?}.
    """

    def __init__(
        self,
        port: int,
        *,
        secret_key: str,
        webhook_secret: str,
        webhook_url: str | None,
        host: str = "127.0.0.1",
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(port, host)
        self._under_way: set[str] = set()
        self._core = Core(secret_key, Webhooks(webhook_secret, webhook_url, retry or RetryPolicy()))

    @property
    def webhook_url(self) -> str | None:
        return self._core.webhooks.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._core.webhooks.url = url

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer_errors, self._guard_api])
        for resource in (Checkout, Events, Refunds):
            app.add_routes(resource(self._core).routes())
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/sandbox/events", self._events),
                web.post("/sandbox/events/redeliver", self._redeliver),
                web.post("/sandbox/faults", self._set_fault),
                web.delete("/sandbox/faults", self._clear_faults),
            ]
        )
        return app

    async def start(self) -> None:
        await super().start()
        self._core.url = self.url
        await self._core.webhooks.start()

    async def stop(self) -> None:
        await super().stop()
        await self._core.webhooks.stop()

    async def drain(self) -> None:
        """Wait until no webhook is being delivered or retried."""
        await self._core.webhooks.drain()

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON values, for a restart. Faults are not part of it."""
        return self._core.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take the state of a `snapshot`; before `start`, so that its pending webhooks are resumed."""
        self._core.restore(snapshot)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page.overview(self._core), content_type="text/html")

    async def _events(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self._found(dict(request.query))})

    async def _redeliver(self, request: web.Request) -> web.Response:
        body = await request.json()
        deliveries = await self._core.webhooks.redeliver(self._found(body), int(body.get("times", 1)))
        return web.json_response({"deliveries": deliveries})

    def _found(self, which: dict[str, Any]) -> list[dict[str, Any]]:
        events = self._core.webhooks.events.values()
        about, type = which.get("about"), which.get("type")
        return [one for one in events if (not about or about in one["about"]) and type in {None, one["type"]}]

    async def _set_fault(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "status" in body:
            self._core.faults.append(Fault(**body))
        self._core.webhooks.off = body.get("webhooks", "off" if self._core.webhooks.off else "on") == "off"
        self._core.refunds_are = body.get("refunds", self._core.refunds_are)
        return web.json_response({})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._core.faults.clear()
        self._core.webhooks.off, self._core.refunds_are = False, "succeeded"
        return web.json_response({})

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every error in Stripe's shape, also for a wrong path or method."""
        try:
            return await handler(request)
        except StripeError as error:
            return web.json_response(error.body(), status=error.status)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            known = StripeError(f"Unrecognized request URL ({request.method}: {request.path}).", status=error.status)
            return web.json_response(known.body(), status=known.status)

    @web.middleware
    async def _guard_api(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Authenticate `/v1`, answer repeats by their key, and let the faults on request happen there."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {self._core.secret_key}".encode()):
            raise errors.authentication_failed()
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            return await self._handle(request, handler)
        text = f"{request.path}\n{(await request.read()).decode()}"
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        kept = self._core.idempotency.get(key)
        if key in self._under_way:
            message = "There is currently another in-progress request using this idempotency key."
            raise StripeError(message, status=409, type="idempotency_error", code="idempotency_key_in_use")
        if kept is None:
            self._under_way.add(key)
            try:
                kept = await self._kept(request, handler, fingerprint)
            finally:
                self._under_way.discard(key)
            if kept.pop("begun", False) or kept["status"] not in {401, 404, 400, 429}:
                # As Stripe: what began to be done is remembered, failures too.
                self._core.idempotency[key] = kept
        elif kept["fingerprint"] != fingerprint:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            raise StripeError(message, type="idempotency_error")
        fault = kept.pop("lost", None)
        if fault is not None:
            raise errors.of_status(fault)
        return web.Response(text=kept["body"], status=kept["status"], content_type="application/json")

    async def _kept(self, request: web.Request, handler: Handler, fingerprint: str) -> dict[str, Any]:
        fault = self._core.take_fault(request.path)
        if fault is not None and not fault.applied:
            error = errors.of_status(fault.status)
            return {"fingerprint": fingerprint, "status": error.status, "body": json.dumps(error.body())}
        try:
            response = await handler(request)
        except StripeError as error:
            body = json.dumps(error.body())
            return {"fingerprint": fingerprint, "status": error.status, "body": body, "begun": error.begun}
        assert isinstance(response, web.Response)
        kept = {"fingerprint": fingerprint, "status": response.status, "body": response.text}
        # Only the answer is lost: a repeat finds it.
        return kept if fault is None else {**kept, "lost": fault.status}

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._core.take_fault(request.path)
        if fault is None:
            return await handler(request)
        if fault.applied:
            await handler(request)
        raise errors.of_status(fault.status)

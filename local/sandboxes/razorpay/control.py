"""The sandbox's own paths, which Razorpay does not have: faults, recorded events, redelivery, the page."""

from typing import Any

from aiohttp import web

from local.sandboxes.razorpay import faults, page
from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError, not_applicable
from local.sandboxes.razorpay.http import read_fields, read_json
from local.sandboxes.razorpay.state import Entity

IDS = ("order_id", "payment_id", "refund_id", "payout_id", "subscription_id")
FILTERS = (*IDS, "event")
REDELIVER_FIELDS = ("event_id", *FILTERS, "times", "reverse", "concurrent")
MAX_REDELIVERIES = 1_000


class Control:
    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.page),
            web.get("/sandbox/faults", self.faults),
            web.post("/sandbox/faults", self.set_fault),
            web.delete("/sandbox/faults", self.clear_faults),
            web.get("/sandbox/events", self.events),
            web.post("/sandbox/webhooks/redeliver", self.redeliver),
        ]

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=page.render(self._core), content_type="text/html")

    async def faults(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self._core.faults.items()})

    async def set_fault(self, request: web.Request) -> web.Response:
        """Set the fault of its scope (see faults.py), in place of an earlier one. Answers all that are set."""
        self._core.faults.set(faults.parse(await read_json(request)))
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Clear all faults, or with `?order_id=` that order's."""
        self._core.faults.clear(request.query.get("order_id"))
        return await self.faults(request)

    async def events(self, request: web.Request) -> web.Response:
        """The recorded events, oldest first, with their deliveries; by `order_id`, `payment_id`, `refund_id`,
        `payout_id`, `subscription_id`, `event`."""
        return web.json_response({"items": self._find({name: request.query.get(name) for name in FILTERS})})

    async def redeliver(self, request: web.Request) -> web.Response:
        """Send recorded events again, by `event_id` or by one of IDS (and name); answers when all are sent.

        `times` each (1), all at once unless `concurrent` is false, in the recorded order unless `reverse`.
        Answers {"sent", "deliveries": [{"at", "kind", "status" | "error", "duration_ms"}]}.
        """
        body = await read_fields(request, REDELIVER_FIELDS)
        times = body.get("times", 1)
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_REDELIVERIES:
            raise RazorpayError(f"The times must be from 1 to {MAX_REDELIVERIES}.", field="times")
        if not any(body.get(name) for name in ("event_id", *IDS)):
            raise RazorpayError(f"An event_id or one of {', '.join(IDS)} is required.", field="event_id")
        chosen = self._find({name: body.get(name) for name in FILTERS})
        chosen = [event for event in chosen if body.get("event_id") in (None, event["id"])]
        if not chosen:
            raise not_applicable("No recorded event matches")
        if len(chosen) * times > MAX_REDELIVERIES:
            raise RazorpayError(f"At most {MAX_REDELIVERIES} deliveries at once.", field="times")
        if body.get("reverse"):
            chosen.reverse()
        concurrent = body.get("concurrent", True) is not False
        deliveries = await self._core.webhooks.redeliver(chosen, times, concurrent=concurrent)
        return web.json_response({"sent": len(deliveries), "deliveries": deliveries})

    def _find(self, filters: dict[str, Any]) -> list[Entity]:
        wanted = {name: value for name, value in filters.items() if value is not None}
        events = self._core.state.events.values()
        return [event for event in events if all(event[name] == value for name, value in wanted.items())]

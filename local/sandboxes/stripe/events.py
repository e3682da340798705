"""Events as the API lists them: what webhooks tell, of the last 30 days, whether or not it was delivered."""

import json
import time
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from local.sandboxes.stripe import forms
from local.sandboxes.stripe.core import Core, Entity
from local.sandboxes.stripe.errors import StripeError, missing

LIST = ("created", "delivery_success", "ending_before", "expand", "limit", "starting_after", "type", "types")
KEPT_S = 30 * 24 * 3600
MAX_TYPES = 20


class Events:
    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/events", self.list_all), web.get("/v1/events/{event_id}", self.retrieve)]

    async def list_all(self, request: web.Request) -> web.Response:
        params = await forms.read(request)
        forms.refuse_unknown(params, LIST)
        types = forms.listed(params, "types")
        if types and "type" in params:
            raise StripeError("You may only specify one of these parameters: type, types.")
        if len(types) > MAX_TYPES:
            raise StripeError(f"Array types exceeded maximum {MAX_TYPES} allowed elements.", param="types")
        patterns, within = types or [str(params.get("type", "*"))], forms.between(params, "created")

        def wanted(one: Entity) -> bool:
            return within(one["created"]) and any(fnmatchcase(one["type"], pattern) for pattern in patterns)

        kept = self._kept(params.get("delivery_success"))
        return web.json_response(forms.page(kept, params, "/v1/events", wanted))

    async def retrieve(self, request: web.Request) -> web.Response:
        event_id = request.match_info["event_id"]
        found = next((one for one in self._kept(None) if one["id"] == event_id), None)
        if found is None:
            raise missing("event", event_id)
        return web.json_response(found)

    def _kept(self, delivered: Any) -> list[Entity]:
        """Delivered or not: "true" and "false", None for both."""
        oldest = int(time.time()) - KEPT_S
        wanted = None if delivered is None else delivered == "true"
        events = self._core.webhooks.events.values()
        shown = [
            {**json.loads(one["body"]), "pending_webhooks": int(one["state"] != "delivered")}
            for one in events
            if wanted is None or (one["state"] == "delivered") == wanted
        ]
        return [one for one in shown if one["created"] > oldest]

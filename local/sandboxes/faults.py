"""Faults on request: what becomes of the next requests to a sandbox."""

import asyncio
from collections.abc import Collection
from typing import Any

from aiohttp import web

MAX_WAIT_MS = 600_000


class Faults:
    """Each is {"status" | "timeout_ms", "times"?, …}, for the next `times` requests (1). With the field `about` it is
    only for requests about that one; `more` are fields for the sandbox to read."""

    def __init__(self, statuses: Collection[int], about: str, *more: str) -> None:
        self._statuses = statuses
        self._about = about
        self._fields = sorted({"status", "times", "timeout_ms", about, *more})
        self._faults: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        """POST /sandbox/faults adds one, DELETE ends all."""
        return [web.post("/sandbox/faults", self._add), web.delete("/sandbox/faults", self._clear)]

    def add(self, fault: Any) -> None:
        """Raises ValueError."""
        fields = set(fault) if isinstance(fault, dict) else set()
        if not fields & {"status", "timeout_ms"} or fields - set(self._fields):
            raise ValueError(f"a fault has a status or a timeout_ms, and of {', '.join(self._fields)}")
        known = "status" not in fault or fault["status"] in self._statuses
        if not known or not 0 <= int(fault.get("timeout_ms", 0)) <= MAX_WAIT_MS:
            raise ValueError(
                f"status is one of {', '.join(map(str, self._statuses))}, timeout_ms at most {MAX_WAIT_MS}"
            )
        self._faults.append({**fault, "times": int(fault.get("times", 1))})

    async def take(self, about: str) -> dict[str, Any] | None:
        """The fault of a request, after the wait that it wants. Without a status, the request goes on as ever."""
        for fault in self._faults:
            if fault["times"] > 0 and fault.get(self._about) in (None, about):
                fault["times"] -= 1
                await asyncio.sleep(fault.get("timeout_ms", 0) / 1000)
                return fault if "status" in fault else None
        return None

    async def _add(self, request: web.Request) -> web.Response:
        self.add(await request.json())
        return web.json_response({"items": self._faults})

    async def _clear(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.Response(status=204)

"""The console of the local stack: a page, and the same by HTTP. It also serves the keys of the local OIDC issuer."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from local.console_page import render
from local.events import EventRelay
from local.events.endpoints import routes as event_routes
from local.listening import listen
from local.oidc import LocalIssuer
from local.scheduler import Scheduler, UnknownJobError


class Tasks(Protocol):
    """What the console shows of the Cloud Tasks emulator."""

    def stats(self) -> Mapping[str, Mapping[str, int]]: ...

    def dead_letters(self) -> list[dict[str, Any]]: ...


class Console:
    """Serves on `port` (0: any free one):

    GET / the page; GET /oidc/certs the JWKS; GET /jobs {items}; POST /jobs/{name}/run {job, ok, status, body,
    elapsedMs}; GET /stats {events, tasks}; GET /dead-letters {events, tasks}; and the relay's /events/* (faults, stats,
    drain).
    `links` are shown on the page: label to URL.
    """

    def __init__(
        self,
        port: int,
        issuer: LocalIssuer,
        scheduler: Scheduler,
        relay: EventRelay,
        tasks: Tasks,
        *,
        links: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._port = port
        self._host = host
        self._issuer = issuer
        self._scheduler = scheduler
        self._relay = relay
        self._tasks = tasks
        self._links = dict(links or {})
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._get_page),
                web.get("/oidc/certs", self._get_certs),
                web.get("/jobs", self._get_jobs),
                web.post("/jobs/{name}/run", self._run_job),
                web.get("/dead-letters", self._get_dead_letters),
                web.get("/stats", self._get_stats),
                *event_routes(self._relay),
            ]
        )
        self._runner = await listen(app, self._host, self._port)
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def _stats(self) -> dict[str, Any]:
        return {"events": self._relay.stats(), "tasks": self._tasks.stats()}

    def _dead_letters(self) -> dict[str, list[dict[str, Any]]]:
        return {"events": self._relay.dead_letters.recent, "tasks": list(reversed(self._tasks.dead_letters()))}

    async def _get_page(self, request: web.Request) -> web.Response:
        page = render(self._links, self._scheduler.jobs(), self._stats(), self._dead_letters())
        return web.Response(text=page, content_type="text/html")

    async def _get_certs(self, request: web.Request) -> web.Response:
        return web.json_response(self._issuer.jwks())

    async def _get_jobs(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self._scheduler.jobs()})

    async def _run_job(self, request: web.Request) -> web.Response:
        """200 whenever the job was called: `ok` says whether it answered 2xx; 404 for an unknown one."""
        name = request.match_info["name"]
        try:
            started_s = asyncio.get_running_loop().time()
            status, body = await self._scheduler.run(name)
            elapsed_ms = round((asyncio.get_running_loop().time() - started_s) * 1000)
        except UnknownJobError as error:
            return web.json_response({"error": {"code": "NOT_FOUND", "message": str(error)}}, status=404)
        ok = 200 <= status < 300
        outcome = {"job": name, "ok": ok, "status": status, "body": body, "elapsedMs": elapsed_ms}
        return web.json_response(outcome)

    async def _get_dead_letters(self, request: web.Request) -> web.Response:
        return web.json_response(self._dead_letters())

    async def _get_stats(self, request: web.Request) -> web.Response:
        return web.json_response(self._stats())

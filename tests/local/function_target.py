"""An HTTP server in the place of the functions: it records each call and answers as a test says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

DEADLINE_S = 60.0


@dataclass
class Call:
    entry_point: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FunctionTarget:
    """`async with FunctionTarget() as target`: serves `target.url`/{entryPoint}.

    `statuses` are the answers in turn, then 200. While `gate` is set to an event, answers wait for it.
    """

    statuses: list[int] = field(default_factory=list)
    gate: asyncio.Event | None = None
    calls: list[Call] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/functions/{entry_point}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/functions"

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append(Call(request.match_info["entry_point"], headers, await request.read()))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.gate:
                await self.gate.wait()
        finally:
            self.running -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text=f"answer {status}")


async def eventually(probe: Callable[[], Any], what: str = "") -> Any:
    """The first true answer of `probe`, which may be asynchronous."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = probe()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.005)

"""Listening over HTTP, as each service of ours in the local cloud does."""

from abc import ABC, abstractmethod

from aiohttp import web

STOP_TIMEOUT_S = 1.0
"""How long a stop waits for requests that are under way."""


async def listen(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Serve `app` on a port, 0 for any free one: `runner.addresses` has it, `runner.cleanup()` ends it.

    Raises OSError for a taken port, and then listens on none.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


class HttpService(ABC):
    """A service of ours: an application on a port, 0 for any free one."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @abstractmethod
    def app(self) -> web.Application:
        """What is served: made anew at each start."""

    async def start(self) -> None:
        """Listen. Raises OSError for a taken port."""
        self._runner = await listen(self.app(), self.host, self.port)
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

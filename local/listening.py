"""Listening over HTTP, as each service of ours in the local cloud does."""

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

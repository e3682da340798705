"""python -m signaling: one instance on PORT (Cloud Run's variable; by default the local stack's port of signaling)."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
import uvloop

from konnect import log, spans
from konnect.config import ConfigError, Settings, settings

from .app import MESSAGE_MAX_BYTES, Instance

SIGNALING_PORT = 6
STOP_S = 2
"""For connections that do not close by themselves, after the drain."""
BACKLOG = 4096


class Server(uvicorn.Server):
    """Drains the instance between "accept nothing" and "close what is open"."""

    def __init__(self, config: uvicorn.Config, instance: Instance) -> None:
        super().__init__(config)
        self._instance = instance

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are the loop's handlers: the library's would raise the signal again and end us before we have left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._instance.drain()
        await super().shutdown(sockets)


async def serve(current: Settings) -> None:
    instance = Instance(current)
    config = uvicorn.Config(
        instance,
        host=os.environ.get("HOST") or ("0.0.0.0" if current.k_service else "127.0.0.1"),  # noqa: S104
        port=int(os.environ.get("PORT") or current.port_base + SIGNALING_PORT),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # Measured: deflate costs a quarter more CPU a message; Engine.IO pings by itself.
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        ws_max_size=MESSAGE_MAX_BYTES + 1024,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S,
    )
    await instance.start()
    # Everything that lives as long as the process is there: collections need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        await Server(config, instance).serve()
    finally:
        await instance.stop()


def main() -> int:
    try:
        current = settings()
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    log.configure(current.log_level, current.google_cloud_project)
    spans.configure(current, "signaling", in_background=True)
    # A line for every connection that opens is of no use to anybody.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(current))
    spans.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

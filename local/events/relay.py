"""The relay between the Firestore emulator and the functions.

The emulator posts each event once, to what it believes to be the functions emulator, and forgets it. Production
delivers at least once, retries where the trigger asks for it, and fires nothing for a write that changes nothing. The
relay is that functions emulator and adds what is missing; on request it repeats, delays, reorders and loses events.
"""

import asyncio
import base64
import logging
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp import web

from local.events.cloudevent import CloudEvent, MalformedEventError, parse
from local.events.dead_letters import DeadLetters
from local.events.endpoints import routes
from local.events.faults import Fault, FaultTable, UnknownTriggerError
from local.listening import listen
from local.manifest import Backoff, EventEndpoint, Manifest

logger = logging.getLogger(__name__)

# An event carries a document twice (1 MiB each at most), in base64.
MAX_EVENT_BYTES = 4 * 1024 * 1024
MAX_REASON_CHARACTERS = 500
CONCURRENCY = 32
QUIET_S = 0.1


@dataclass(frozen=True, kw_only=True)
class DeliveryRetry(Backoff):
    """When to try again where the trigger has `retry: true`. Production waits 10 to 600 s, for 24 h."""

    min_backoff_s: float = 0.2
    max_backoff_s: float = 5.0
    max_doublings: int = 16
    max_age_s: float = 24 * 3600.0
    max_attempts: int = 20


@dataclass(slots=True)
class Counts:
    """Of one trigger: events received, dropped as no-ops; deliveries made, attempts failed, deliveries given up."""

    received: int = 0
    noop: int = 0
    delivered: int = 0
    failed: int = 0
    dead: int = 0
    pending: int = 0


@dataclass(slots=True)
class _Delivery:
    trigger: EventEndpoint
    event: CloudEvent
    received_at_s: float
    fail_first: int = 0
    attempts: int = 0


class EventRelay:
    """Takes the emulator's events on `port` (0: any free one) and posts each to `{functions_url}/{entryPoint}`.

    `start()` listens, so that the emulator can be given `address`; once the emulator answers,
    `register(firestore_host)` tells it the triggers of `manifest`. They belong to `project` alone: each project of an
    emulator has its own.
    """

    def __init__(
        self,
        port: int,
        manifest: Manifest,
        functions_url: str,
        project: str,
        log_dir: Path,
        host: str = "127.0.0.1",
        *,
        retry: DeliveryRetry | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._port = port
        self._host = host
        self._triggers = manifest.triggers
        self._functions_url = functions_url.rstrip("/")
        self._project = project
        self._retry = retry or DeliveryRetry()
        self._concurrency = concurrency
        self.dead_letters = DeadLetters(log_dir)
        self._faults = FaultTable()
        self._counts = {name: Counts() for name in self._triggers}
        self._held: defaultdict[tuple[str, str], list[list[_Delivery]]] = defaultdict(list)
        self._ready: deque[_Delivery] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._attempts: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        # No kept connections: one that the server has just closed would lose an event whose trigger has no retries.
        connector = aiohttp.TCPConnector(limit=self._concurrency, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector)
        app = web.Application(client_max_size=MAX_EVENT_BYTES)
        app.router.add_post("/functions/projects/{project}/triggers/{trigger}", self._receive)
        app.add_routes(routes(self))
        self._runner = await listen(app, self._host, self._port)
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop; what is still pending is gone, as with the emulator's own data."""
        if self._runner:
            await self._runner.cleanup()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._ready.clear()
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        if self._session:
            await self._session.close()

    @property
    def address(self) -> str:
        """host:port, for the Firestore emulator's --functions_emulator."""
        return f"{self._host}:{self._port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def register(self, firestore_host: str) -> None:
        """Tell the emulator at `firestore_host` (host:port) each trigger; harmless to repeat. Raises RuntimeError."""
        assert self._session is not None, "start() first"
        base = f"http://{firestore_host}/emulator/v1/projects/{quote(self._project)}/eventarcTrigger"
        for name, trigger in self._triggers.items():
            match_type = "PATH_PATTERN" if trigger.is_pattern else "EXACT"
            body = {
                "eventType": trigger.event_type,
                "database": trigger.database,
                "namespace": trigger.namespace,
                "document": {"value": trigger.document, "matchType": match_type},
            }
            async with self._session.post(base, params={"eventarcTriggerId": name}, json=body) as response:
                if response.status != 200:
                    raise RuntimeError(f"the Firestore emulator refused trigger {name}: {await response.text()}")

    # Faults

    def set_fault(self, fault: Fault) -> None:
        """Put a fault in force for the events to come. Raises UnknownTriggerError."""
        if fault.trigger not in self._triggers:
            raise UnknownTriggerError(f"no trigger {fault.trigger}; there are: {', '.join(self._triggers)}")
        self._release(fault.key)
        self._faults.set(fault)

    @property
    def faults(self) -> list[Fault]:
        """The faults in force."""
        return list(self._faults)

    def clear_faults(self, trigger: str | None = None) -> None:
        """End the faults of one trigger or of all, and release what they hold."""
        self._faults.clear(trigger)
        for key in list(self._held):
            if trigger in (None, key[0]):
                self._release(key)

    # Introspection

    @property
    def pending(self) -> int:
        """Deliveries not yet made nor given up."""
        return sum(counts.pending for counts in self._counts.values())

    def stats(self) -> dict[str, dict[str, int]]:
        """By trigger: {received, noop, delivered, failed, dead, pending}."""
        return {name: asdict(counts) for name, counts in self._counts.items()}

    async def drain(self, timeout_s: float, quiet_s: float = QUIET_S) -> None:
        """Wait until nothing has been pending for `quiet_s`; releases what faults hold. Raises TimeoutError.

        The quiet time is for events on their way: the emulator posts after it has answered the commit.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while self.pending:
                        self._settled.clear()
                        if self._in_flight:
                            await self._settled.wait()
                        for key in list(self._held):
                            self._release(key)
                    received = self._received
                    await asyncio.sleep(quiet_s)
                    if not self.pending and received == self._received:
                        return
        except TimeoutError as error:
            raise TimeoutError(f"{self.pending} events pending after {timeout_s} s") from error

    @property
    def _received(self) -> int:
        return sum(counts.received for counts in self._counts.values())

    @property
    def _in_flight(self) -> int:
        held = sum(len(copies) for groups in self._held.values() for copies in groups)
        return self.pending - held

    # From the emulator

    async def _receive(self, request: web.Request) -> web.Response:
        trigger = self._triggers.get(request.match_info["trigger"])
        if trigger is None or request.match_info["project"] != self._project:
            return web.Response(status=404, text="no such trigger")
        try:
            event = parse(request.headers, await request.read())
        except MalformedEventError as error:
            logger.error("event for %s refused: %s", trigger.name, error)
            return web.Response(status=400, text=str(error))
        # The emulator waits for nothing: answer, deliver later.
        self._accept(trigger, event)
        return web.Response(status=200)

    def _accept(self, trigger: EventEndpoint, event: CloudEvent) -> None:
        counts = self._counts[trigger.name]
        counts.received += 1
        if event.is_noop:
            counts.noop += 1
            return
        fault = self._faults.find(trigger.name, event.document) or Fault(trigger=trigger.name)
        now_s = asyncio.get_running_loop().time()
        copies = [_Delivery(trigger, event, now_s, fault.fail_first) for _ in range(fault.repeat)]
        counts.pending += len(copies)
        if fault.reorder:
            self._held[fault.key].append(copies)
            if len(self._held[fault.key]) >= fault.reorder:
                self._release(fault.key, fault.delay_ms / 1000)
            return
        for delivery in copies:
            self._enqueue(delivery, fault.delay_ms / 1000)

    def _release(self, key: tuple[str, str], delay_s: float = 0.0) -> None:
        for copies in reversed(self._held.pop(key, [])):
            for delivery in copies:
                self._enqueue(delivery, delay_s)

    # To the functions

    def _enqueue(self, delivery: _Delivery, delay_s: float) -> None:
        if delay_s <= 0:
            self._ready.append(delivery)
            self._pump()
            return

        def due() -> None:
            self._timers.discard(timer)
            self._enqueue(delivery, 0)

        timer = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers.add(timer)

    def _pump(self) -> None:
        while self._ready and len(self._attempts) < self._concurrency:
            attempt = asyncio.create_task(self._attempt(self._ready.popleft()))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempted)

    def _attempted(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        if not attempt.cancelled():
            self._pump()

    async def _attempt(self, delivery: _Delivery) -> None:
        counts = self._counts[delivery.trigger.name]
        delivery.attempts += 1
        failure = await self._post(delivery)
        if failure is None:
            counts.delivered += 1
            self._finish(delivery)
            return
        counts.failed += 1
        age_s = asyncio.get_running_loop().time() - delivery.received_at_s
        if not delivery.trigger.retry:
            self._give_up(delivery, f"{failure} (the trigger has no retry)")
        elif delivery.attempts >= self._retry.max_attempts or age_s >= self._retry.max_age_s:
            self._give_up(delivery, failure)
        else:
            logger.warning(
                "%s, event %s, attempt %d: %s", delivery.trigger.name, delivery.event.id, delivery.attempts, failure
            )
            self._enqueue(delivery, self._retry.delay_s(delivery.attempts))

    async def _post(self, delivery: _Delivery) -> str | None:
        """One attempt; why it failed, or None."""
        if delivery.attempts <= delivery.fail_first:
            return "lost by a fault"
        assert self._session is not None
        try:
            async with self._session.post(
                f"{self._functions_url}/{delivery.trigger.entry_point}",
                data=delivery.event.body,
                headers=delivery.event.headers,
                timeout=aiohttp.ClientTimeout(total=delivery.trigger.timeout_s),
            ) as response:
                if 200 <= response.status < 300:
                    return None
                return f"HTTP {response.status}: {(await response.text(errors='replace'))[:MAX_REASON_CHARACTERS]}"
        except TimeoutError:
            return f"no answer in {delivery.trigger.timeout_s:g} s"
        except aiohttp.ClientError as error:
            return str(error) or type(error).__name__

    def _give_up(self, delivery: _Delivery, reason: str) -> None:
        event = delivery.event
        self._counts[delivery.trigger.name].dead += 1
        logger.error("%s, event %s given up: %s", delivery.trigger.name, event.id, reason)
        letter = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "trigger": delivery.trigger.name,
            "id": event.id,
            "type": event.type,
            "document": event.document,
            "attempts": delivery.attempts,
            "reason": reason,
        }
        self.dead_letters.add(letter, headers=dict(event.headers), body_base64=base64.b64encode(event.body).decode())
        self._finish(delivery)

    def _finish(self, delivery: _Delivery) -> None:
        self._counts[delivery.trigger.name].pending -= 1
        if not self._in_flight:
            self._settled.set()

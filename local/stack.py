"""The whole local cloud as one object: `async with Stack(Options())`."""

import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import aiohttp

from local import environment, functions_server, manifest
from local.console import Console
from local.emulators import AuthEmulator, FirestoreEmulator, PubSubEmulator, RulesError, answers
from local.environment import PROJECT, REALTIME_TOPIC, Files
from local.events import EventRelay
from local.gateway import Gateway
from local.manifest import ROOT, Manifest, QueueEndpoint
from local.oidc import LocalIssuer
from local.ports import Reservation, address, reserve, url
from local.processes import Child, StackError
from local.running import running_stack
from local.sandboxes.kms import KmsSandbox
from local.sandboxes.mail import MailSink
from local.sandboxes.push import PushSandbox
from local.sandboxes.razorpay import RazorpaySandbox
from local.sandboxes.sheets import SheetsSandbox
from local.sandboxes.storage import StorageSandbox
from local.sandboxes.stripe import StripeSandbox
from local.scheduler import Scheduler
from local.tasks import TasksEmulator

__all__ = ["Options", "Stack", "StackError", "running_stack"]

logger = logging.getLogger(__name__)

READY_TIMEOUT_S = 240.0
MAX_SIGNALING = 2
WEBHOOK_PATH = "/api/payments/webhook"
STRIPE_WEBHOOK_PATH = "/api/v1/payments/webhook"


class Service(Protocol):
    """One of our own local services; `stop` works at any time."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Keeps(Protocol):
    """A service whose state is kept over a restart, as JSON-able data."""

    def snapshot(self) -> Any: ...

    def restore(self, data: Any) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """What differs between the stacks of `make up`, the demo and the tests."""

    port_base: str | int | None = None
    """The first port, "auto" for any free ones, None for the environment's PORT_BASE."""
    signaling: int = 1
    """How many signaling processes: 1 or 2."""
    minute_s: float = 60.0
    data: Path | None = None
    """Where data is kept over a restart."""
    scheduled: bool = True
    """Whether scheduled functions run at their times; by hand they always do."""
    rules: Path = ROOT / "firestore.rules"
    folder: Path | None = None
    """For env, ready and logs; None: `Files.of`."""
    progress: Callable[[str, float], None] = field(default=lambda name, elapsed_s: None)
    """Called with each part that is ready and the seconds since the start."""


class Stack:
    """Emulators, functions, signaling and our own services; `async with Stack(options) as stack` starts and stops all.

    `failed()` waits for a part to end by itself.
    """

    def __init__(self, options: Options) -> None:
        if not 1 <= options.signaling <= MAX_SIGNALING:
            raise StackError(f"signaling must be 1 to {MAX_SIGNALING} processes, not {options.signaling}")
        self.options = options
        self.warnings: list[str] = []
        self._reservation: Reservation | None = None
        self._children: list[Child] = []
        self._emulators: list[Child] = []
        self._log_handler: logging.Handler | None = None
        self._services: list[Service] = []
        self._kept: dict[str, Keeps] = {}
        self._started_s = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything in parallel; it all answers when this returns, or nothing runs any more when it raises.

        Raises PortError, EmulatorMissingError, ManifestError and StackError.
        """
        self._started_s = time.monotonic()
        self._reservation = reserve(self.options.port_base)
        self.ports = self._reservation.ports
        self.files = Files(self.options.folder) if self.options.folder else Files.of(self.ports)
        try:
            self._forget_files()
            self._make()
            await self._start_all()
        except BaseException:
            await self.stop(save=False)
            raise

    @property
    def running(self) -> bool:
        """Whether any child has been started and not yet stopped."""
        return bool(self._children or self._emulators)

    @property
    def env(self) -> dict[str, str]:
        """What clients need, as in `.local/env`."""
        return environment.client_env(self.ports, self.options.signaling)

    @property
    def service_env(self) -> dict[str, str]:
        """The settings of the functions, for what runs the domain's code against this stack (seed, reconcile)."""
        return environment.service_env(self.ports, self.options.minute_s, self.options.signaling)

    def _make(self) -> None:
        ports, logs = self.ports, self.files.logs
        logs.mkdir(parents=True, exist_ok=True)
        self._log_handler = _log_to(logs / "local.log")
        self.manifest: Manifest = manifest.load()
        functions_url = environment.functions_url(ports)
        self.issuer = LocalIssuer(environment.issuer_url(ports))
        self.tasks = TasksEmulator(ports.tasks, self.issuer)
        self.razorpay = RazorpaySandbox(
            ports.razorpay,
            key_id=environment.RAZORPAY_KEY_ID,
            key_secret=environment.RAZORPAY_KEY_SECRET,
            webhook_secret=environment.RAZORPAY_WEBHOOK_SECRET,
            payout_webhook_secret=environment.RAZORPAYX_WEBHOOK_SECRET,
            account_number=environment.RAZORPAYX_ACCOUNT_NUMBER,
            webhook_url=url(ports.api) + WEBHOOK_PATH,
        )
        self.stripe = StripeSandbox(
            ports.stripe,
            secret_key=environment.STRIPE_SECRET_KEY,
            webhook_secret=environment.STRIPE_WEBHOOK_SECRET,
            webhook_url=url(ports.api) + STRIPE_WEBHOOK_PATH,
        )
        self.sheets = SheetsSandbox(ports.sheets)
        self.kms = KmsSandbox(ports.kms)
        self.storage = StorageSandbox(ports.storage)
        self.push = PushSandbox(ports.push)
        self.mail = MailSink(ports.smtp, ports.mail, app_url=environment.APP_URL)
        self.relay = EventRelay(ports.events, self.manifest, functions_url, PROJECT, logs)
        self.scheduler = Scheduler(self.manifest, functions_url, self.issuer, paused=not self.options.scheduled)
        self.console = Console(
            ports.console, self.issuer, self.scheduler, self.relay, self.tasks, links=environment.links(ports)
        )
        self.gateway = Gateway(ports.api, self.manifest, functions_url, url(ports.signaling), ROOT / "public")
        self.firestore = FirestoreEmulator(ports.firestore, PROJECT, self.options.rules, self.relay.address, logs)
        self.pubsub = PubSubEmulator(ports.pubsub, PROJECT, logs)
        self.auth = AuthEmulator(ports.auth, ports.hub, ports.logging, PROJECT, self.files.folder, logs)
        self._kept = {
            "tasks": self.tasks,
            "razorpay": self.razorpay,
            "stripe": self.stripe,
            "sheets": self.sheets,
            "storage": self.storage,
            "kms": self.kms,
        }
        self._restore(self.options.data)

    async def _start_all(self) -> None:
        data = self.options.data
        if data:
            data.mkdir(parents=True, exist_ok=True)
        first: tuple[Service, ...] = (
            self.relay,
            self.mail,
            self.push,
            self.sheets,
            self.kms,
            self.storage,
            self.console,
            self.gateway,
        )
        for service in first:
            await self._start_service(service)
        self.report("gateway, console, mail, Sheets, Storage, events")
        await _together(
            # The slowest first: they share the cores.
            self._start_auth(data),
            self._start_firestore(data),
            self._start_functions(),
            self._start_realtime(),
        )
        # What was waiting when the last stack stopped goes at once: only now somebody is there to take it.
        last: tuple[Service, ...] = (self.tasks, self.razorpay, self.stripe, self.scheduler)
        for service in last:
            await self._start_service(service)
        self.report("Cloud Tasks, Razorpay, Stripe, scheduler")
        await self._check_health()

    async def _start_realtime(self) -> None:
        """Pub/Sub, then signaling, which subscribes to the topic when it starts."""
        try:
            await self.pubsub.start()
        finally:
            self._adopt(self.pubsub.child)
        await self.pubsub.ensure_topic(REALTIME_TOPIC)
        self.report("Pub/Sub emulator")
        await _together(*(self._start_signaling(number) for number in range(1, self.options.signaling + 1)))

    async def _check_health(self) -> None:
        """The whole way of a request: gateway, functions, domain."""
        target = f"{url(self.ports.api)}/health"
        async with aiohttp.ClientSession() as session, session.get(target) as response:
            if response.status != 200:
                log = self.files.logs / "functions.log"
                raise StackError(f"GET {target} answers {response.status}: {await response.text()}\nMore is in {log}")

    def report(self, part: str) -> None:
        """Tell the options' `progress` that a part is ready."""
        self.options.progress(part, time.monotonic() - self._started_s)

    async def _start_service(self, service: Service) -> None:
        self._services.append(service)
        await service.start()

    async def _start_firestore(self, data: Path | None) -> None:
        try:
            self.warnings += await self.firestore.start(data)
        except RulesError as error:
            raise StackError(f"the Firestore rules don't compile:\n{error}") from error
        finally:
            self._adopt(self.firestore.child)
        await self.relay.register(address(self.ports.firestore))
        self.report("Firestore emulator, rules, triggers")

    async def _start_auth(self, data: Path | None) -> None:
        try:
            await self.auth.start(data)
        finally:
            self._adopt(self.auth.child)
        self.report("Auth emulator")

    async def _start_functions(self) -> None:
        child = self._child("functions", functions_server.command(self.ports.functions), self.service_env)
        await child.start()
        await child.wait_ready(lambda: answers(f"{url(self.ports.functions)}/"), READY_TIMEOUT_S)
        self.report("functions")

    async def _start_signaling(self, number: int) -> None:
        env = environment.signaling_env(self.ports, self.options.minute_s, number)
        child = self._child(f"signaling-{number}", [sys.executable, "-m", "signaling"], env)
        await child.start()
        health = f"{url(environment.signaling_port(self.ports, number))}/health"
        await child.wait_ready(lambda: answers(health), READY_TIMEOUT_S)
        self.report(f"signaling {number}")

    def _child(self, name: str, command: Sequence[str], env: dict[str, str]) -> Child:
        log = self.files.logs / f"{name}.log"
        child = Child(name, command, log, environment.child_environ(env), ROOT)
        self._children.append(child)
        return child

    def _adopt(self, child: Child | None) -> None:
        if child:
            self._emulators.append(child)

    def _restore(self, data: Path | None) -> None:
        for queue in self.manifest.queues.values():
            self.tasks.ensure_queue(*_queue_settings(queue))
        for name, service in self._kept.items():
            saved = data / f"{name}.json" if data else None
            if saved and saved.is_file():
                service.restore(json.loads(saved.read_text(encoding="utf-8")))

    def _forget_files(self) -> None:
        """Whoever waits for `ready` must not see that of a stack which stops or was killed."""
        self.files.ready.unlink(missing_ok=True)
        self.files.env.unlink(missing_ok=True)

    async def failed(self) -> str:
        """Wait until a child ends by itself; what to say about it."""
        waiting = [asyncio.create_task(child.died()) for child in [*self._children, *self._emulators]]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self, *, save: bool = True) -> None:
        """Stop everything, children and grandchildren included; keep the data first if a folder was given."""
        if self._reservation:
            self._forget_files()
        # Nothing new comes in or is sent out, then what calls the emulators, then the emulators.
        for service in reversed(self._services):
            try:
                await service.stop()
            except Exception:
                logger.exception("%s did not stop cleanly", type(service).__name__)
        self._services.clear()
        await asyncio.gather(*(child.stop() for child in self._children))
        self._children.clear()
        try:
            if save and self.options.data and self._emulators:
                await self._save(self.options.data)
        finally:
            await asyncio.gather(*(child.stop() for child in self._emulators))
            self._emulators.clear()
            if self._reservation:
                self._reservation.release()
            if self._log_handler:
                logging.getLogger().removeHandler(self._log_handler)
                self._log_handler.close()

    async def _save(self, data: Path) -> None:
        """Into a folder beside it first: a stop that is cut short leaves the last data whole."""
        with tempfile.TemporaryDirectory(prefix=f".{data.name}-", dir=data.parent) as temporary:
            folder = Path(temporary)
            await asyncio.gather(self.firestore.save(folder), self.auth.save(folder))
            for name, service in self._kept.items():
                (folder / f"{name}.json").write_text(json.dumps(service.snapshot()), encoding="utf-8")
            _move_all(folder, data)


def _queue_settings(queue: QueueEndpoint) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Full name, rate limits and retry configuration of a queue, in the manifest's terms."""
    limits = {
        "maxDispatchesPerSecond": queue.max_dispatches_per_s,
        "maxConcurrentDispatches": queue.max_concurrent_dispatches,
    }
    retry = {
        "maxAttempts": queue.retry.max_attempts,
        "minBackoffSeconds": queue.retry.min_backoff_s,
        "maxBackoffSeconds": queue.retry.max_backoff_s,
        "maxDoublings": queue.retry.max_doublings,
    }
    if queue.retry.max_retry_s is not None:
        retry["maxRetrySeconds"] = queue.retry.max_retry_s
    return f"projects/{PROJECT}/locations/{queue.region}/queues/{queue.name}", limits, retry


def _move_all(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        old = target / entry.name
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        entry.replace(old)


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all at once. The first to fail ends the others and is what is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def _log_to(path: Path) -> logging.Handler:
    """Send what our own services log to a file."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.getLogger("local").setLevel(logging.INFO)
    return handler

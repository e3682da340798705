"""The Cloud Tasks emulator: the gRPC server, its queues and the pool that sends their tasks."""

import asyncio
import errno
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import grpc

from local.oidc import LocalIssuer
from local.tasks.dispatch import Dispatcher
from local.tasks.policy import QueueMessage
from local.tasks.queue import TaskQueue
from local.tasks.record import Outcome, TaskRecord
from local.tasks.service import CloudTasksService, Queues, generic_handler
from local.tasks.validation import TaskMessage

DEAD_LETTERS_KEPT = 200
DEAD_LETTER_BODY_BYTES = 2000
STOP_GRACE_S = 1.0


def wall_clock_us() -> int:
    return time.time_ns() // 1000


class TasksEmulator:
    """Google Cloud Tasks (v2) on `host:port`, without TLS; port 0 takes any free one.

    All methods belong on the thread of the loop that ran `start`. Queues may be ensured and restored before the start:
    dispatching begins with it. Not offered (UNIMPLEMENTED): App Engine targets, OAuth tokens, queue-level HTTP targets,
    batches, filters, IAM. The service's slow ramp-up and its own throttling are left out.
    """

    def __init__(
        self,
        port: int,
        issuer: LocalIssuer,
        host: str = "127.0.0.1",
        *,
        now_us: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._host, self._port = host, port
        self._now_us = now_us
        self._dispatcher = Dispatcher(issuer)
        self._queues = Queues(self._make_queue, now_us)
        self._dead_letters: deque[dict[str, Any]] = deque(maxlen=DEAD_LETTERS_KEPT)
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """host:port, for CLOUD_TASKS_EMULATOR_HOST; of use after `start` if the port was 0."""
        return f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Raises OSError (EADDRINUSE) if the port is taken."""
        # Without this a second stack would share the port and take half of the calls.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((generic_handler(CloudTasksService(self._queues)),))
        try:
            self._port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            self._server = None
            raise OSError(errno.EADDRINUSE, f"Cloud Tasks emulator: can't listen on {self.address}: {error}") from error
        await self._dispatcher.start()
        await self._server.start()
        for queue in self._queues:
            queue.start()

    async def stop(self) -> None:
        """Stop serving and dispatching; tasks that have not ended wait again, for `snapshot`."""
        if self._server:
            await self._server.stop(grace=STOP_GRACE_S)
            self._server = None
        await asyncio.gather(*(queue.stop(STOP_GRACE_S) for queue in self._queues))
        await self._dispatcher.stop()

    def ensure_queue(
        self,
        name: str,
        rate_limits: Mapping[str, Any] | None = None,
        retry_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Create the queue `name` (its full resource name), or give it this configuration; its tasks stay.

        Both mappings have the manifest's form: rateLimits {maxDispatchesPerSecond, maxConcurrentDispatches},
        retryConfig {maxAttempts, maxRetrySeconds, minBackoffSeconds, maxBackoffSeconds, maxDoublings}; what is left out
        has Cloud Tasks' default. Raises ValueError for an unknown key, RpcError for a value out of range.
        """
        given, keep_zero_doublings = _queue_message(rate_limits or {}, retry_config or {})
        TaskQueue.check(given)
        queue = self._queues.find(name) or self._queues.add(name, checked=False)
        queue.configure(given, keep_zero_doublings=keep_zero_doublings)

    def snapshot(self) -> list[dict[str, Any]]:
        """Every queue with its tasks (running ones too) and recent names, as JSON-able data for `restore`."""
        return [queue.to_json() for queue in self._queues]

    def restore(self, queues: list[dict[str, Any]]) -> None:
        """Add what a `snapshot` holds. A queue that exists keeps its configuration; overdue tasks go at once."""
        for data in queues:
            queue = self._queues.find(data["name"])
            if queue:
                queue.restore(data, with_configuration=False)
            else:
                self._queues.add(data["name"], checked=False).restore(data, with_configuration=True)

    def stats(self) -> dict[str, dict[str, int]]:
        """{full queue name: {waiting, running, done, failed}}: numbers of tasks."""
        return {queue.name: queue.stats() for queue in self._queues}

    def dead_letters(self) -> list[dict[str, Any]]:
        """The last 200 tasks that ran out of attempts, newest last: {queue, task, url, body, createTime, failedTime,
        attempts, httpStatus (null: no response), message}; times in ISO 8601, the body's first 2,000 bytes as text.
        """
        return list(self._dead_letters)

    def _make_queue(self, name: str) -> TaskQueue:
        queue = TaskQueue(name, self._dispatcher.send, self._bury, self._now_us)
        if self._server:
            queue.start()
        return queue

    def _bury(self, queue: TaskQueue, record: TaskRecord, outcome: Outcome) -> None:
        task = TaskMessage.FromString(record.request)
        failed_time = type(task.create_time)()
        failed_time.FromMicroseconds(self._now_us())
        self._dead_letters.append(
            {
                "queue": queue.name,
                "task": record.id,
                "url": task.http_request.url,
                "body": task.http_request.body[:DEAD_LETTER_BODY_BYTES].decode("utf-8", errors="replace"),
                "createTime": task.create_time.ToJsonString(),
                "failedTime": failed_time.ToJsonString(),
                "attempts": record.dispatch_count,
                "httpStatus": outcome.http_status,
                "message": outcome.message,
            }
        )


def _queue_message(rate_limits: Mapping[str, Any], retry_config: Mapping[str, Any]) -> tuple[Any, bool]:
    """The Queue message of the manifest's two mappings, and whether they name the doublings."""
    queue = QueueMessage()
    limits, retry = queue.rate_limits, queue.retry_config

    def set_seconds(duration: Any, seconds: float) -> None:
        duration.FromMicroseconds(round(seconds * 1e6))

    setters: dict[str, Callable[[Any], None]] = {
        "maxDispatchesPerSecond": lambda value: setattr(limits, "max_dispatches_per_second", value),
        "maxConcurrentDispatches": lambda value: setattr(limits, "max_concurrent_dispatches", value),
        "maxAttempts": lambda value: setattr(retry, "max_attempts", value),
        "maxDoublings": lambda value: setattr(retry, "max_doublings", value),
        "maxRetrySeconds": lambda value: set_seconds(retry.max_retry_duration, value),
        "minBackoffSeconds": lambda value: set_seconds(retry.min_backoff, value),
        "maxBackoffSeconds": lambda value: set_seconds(retry.max_backoff, value),
    }
    for key, value in {**rate_limits, **retry_config}.items():
        if key not in setters:
            raise ValueError(f"unknown setting of a task queue: {key}")
        setters[key](value)
    return queue, "maxDoublings" in retry_config

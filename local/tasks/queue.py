"""One queue: its tasks, one timer for the next due time, rate, concurrency and retries.

Everything runs on the event loop's thread and only the attempts themselves await, so each call here is atomic.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from google.cloud.tasks_v2.types import queue as queue_types

from local.tasks.errors import already_exists, not_found
from local.tasks.policy import (
    DEFAULT_RETRY_POLICY,
    QueueMessage,
    RateLimitsMessage,
    RetryPolicy,
    TokenBucket,
    complete_rate_limits,
    retry_policy,
    write_retry_config,
)
from local.tasks.record import Attempt, Outcome, TaskRecord
from local.tasks.schedule import Schedule
from local.tasks.validation import TaskMessage, complete_task

logger = logging.getLogger(__name__)

NAME_MEMORY_US = 3600 * 1_000_000
# A sleeping machine stops the loop's clock but not the wall's: look again this often while a task waits.
LONGEST_TIMER_S = 60.0

RUNNING = int(queue_types.Queue.State.RUNNING)
PAUSED = int(queue_types.Queue.State.PAUSED)

TASK_GONE = (
    "The task no longer exists, though a task with this name existed recently. "
    "The task either successfully completed or was deleted."
)
NAME_TAKEN = "The task cannot be created because a task with this name existed too recently."

Send = Callable[[str, TaskRecord], Coroutine[Any, Any, Outcome]]
OnDead = Callable[["TaskQueue", TaskRecord, Outcome], None]


class TaskQueue:
    """`send(queue id, record)` makes an attempt; `on_dead` hears of each task that ran out of attempts."""

    def __init__(self, name: str, send: Send, on_dead: OnDead, now_us: Callable[[], int]) -> None:
        self.name = name
        self.id = name.rsplit("/", 1)[1]
        self.tasks: dict[str, TaskRecord] = {}
        self.message = QueueMessage(name=name, state=RUNNING)
        self.policy = DEFAULT_RETRY_POLICY
        self._send = send
        self._on_dead = on_dead
        self._now_us = now_us
        self._loop: asyncio.AbstractEventLoop | None = None
        self._schedule = Schedule()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_us = 0
        self._sending: dict[asyncio.Task[Outcome], tuple[TaskRecord, Attempt, bool]] = {}
        self._last_number = 0
        self._done_count = 0
        self._dead_count = 0
        # Names of tasks that are gone: the time (µs) from which each is free again, the earliest first.
        self._recent_names: dict[str, int] = {}
        self._bucket: TokenBucket | None = None
        self.configure(self.message)

    # Configuration and state

    @staticmethod
    def check(given: Any) -> None:
        """Raises INVALID_ARGUMENT if `configure` would refuse the Queue `given`."""
        limits = RateLimitsMessage()
        limits.CopyFrom(given.rate_limits)
        complete_rate_limits(limits)
        retry_policy(given.retry_config, DEFAULT_RETRY_POLICY)

    def configure(self, given: Any, *, keep_zero_doublings: bool = False) -> None:
        """Take rate limits, retry and logging configuration from the Queue `given`. Raises INVALID_ARGUMENT."""
        policy = retry_policy(given.retry_config, DEFAULT_RETRY_POLICY, keep_zero_doublings=keep_zero_doublings)
        complete = QueueMessage(name=self.name, state=self.message.state)
        complete.rate_limits.CopyFrom(given.rate_limits)
        limits = complete_rate_limits(complete.rate_limits)
        write_retry_config(policy, complete.retry_config)
        if given.HasField("stackdriver_logging_config"):
            complete.stackdriver_logging_config.CopyFrom(given.stackdriver_logging_config)
        if self.message.HasField("purge_time"):
            complete.purge_time.CopyFrom(self.message.purge_time)
        self.message, self.policy = complete, policy
        if self._bucket:
            self._bucket.configure(limits.max_dispatches_per_second, limits.max_burst_size)
        else:
            self._bucket = TokenBucket(limits.max_dispatches_per_second, limits.max_burst_size)
        self._pump()

    def start(self) -> None:
        """Dispatch from now on; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._pump()

    async def stop(self, grace_s: float) -> None:
        """Dispatch no more. An attempt that does not end within `grace_s` is cancelled; its task waits again."""
        self._loop = None
        self._disarm()
        if not self._sending:
            return
        _, late = await asyncio.wait(list(self._sending), timeout=grace_s)
        for attempt in late:
            attempt.cancel()
        if late:
            await asyncio.wait(late)

    @property
    def paused(self) -> bool:
        return bool(self.message.state == PAUSED)

    def pause(self) -> None:
        self.message.state = PAUSED
        self._disarm()

    def resume(self) -> None:
        self.message.state = RUNNING
        self._pump()

    def purge(self) -> None:
        """Delete every task; the result of what runs counts no more."""
        self.message.purge_time.FromMicroseconds(self._now_us())
        self._schedule.clear()
        for record in list(self.tasks.values()):
            self._forget(record)
        self._pump()

    def stats(self) -> dict[str, int]:
        """{waiting, running, done, failed} in tasks; done and failed (out of attempts) since the start."""
        running = len({record.id for record, _, _ in self._sending.values() if not record.gone})
        return {
            "waiting": len(self.tasks) - running,
            "running": running,
            "done": self._done_count,
            "failed": self._dead_count,
        }

    # Tasks

    def create(self, given: Any) -> TaskRecord:
        """Add the Task `given`. Raises INVALID_ARGUMENT, ALREADY_EXISTS."""
        now_us = self._now_us()
        task, task_id, named, due_us = complete_task(given, self.name, now_us)
        if task_id in self.tasks:
            raise already_exists("Requested entity already exists")
        if self._is_recent(task_id, now_us):
            raise already_exists(NAME_TAKEN)
        self._last_number += 1
        record = TaskRecord(
            id=task_id,
            named=named,
            number=self._last_number,
            request=task.SerializeToString(),
            created_us=now_us,
            due_us=due_us,
        )
        self.tasks[task_id] = record
        self._wait(record)
        return record

    def get(self, task_id: str) -> TaskRecord:
        """Raises NOT_FOUND, worded after whether the task existed in the last hour."""
        record = self.tasks.get(task_id)
        if record is None:
            raise not_found(TASK_GONE if self._is_recent(task_id, self._now_us()) else "Task does not exist.")
        return record

    def delete(self, task_id: str) -> None:
        """Delete a task that waits or runs; the result of what runs counts no more. Raises NOT_FOUND."""
        self._forget(self.get(task_id))

    def run(self, task_id: str) -> TaskRecord:
        """Attempt a task now, whatever the queue's state, rate and concurrency. Raises NOT_FOUND."""
        record = self.get(task_id)
        self._schedule.remove(record)
        record.due_us = self._now_us()
        self._begin(record, forced=True)
        return record

    # Over a restart

    def to_json(self) -> dict[str, Any]:
        """{name, queue (the Queue message in base64), tasks, recentNames {id: µs}}, JSON-able."""
        return {
            "name": self.name,
            "queue": base64.b64encode(self.message.SerializeToString()).decode(),
            "tasks": [record.to_json() for record in self.tasks.values()],
            "recentNames": dict(self._recent_names),
        }

    def restore(self, data: dict[str, Any], *, with_configuration: bool) -> None:
        """Take over the tasks, names and state of a `to_json`; a task that is here already stays as it is."""
        given = QueueMessage.FromString(base64.b64decode(data["queue"]))
        self.message.state = given.state
        if given.HasField("purge_time"):
            self.message.purge_time.CopyFrom(given.purge_time)
        if with_configuration:
            self.configure(given, keep_zero_doublings=True)
        for task in data["tasks"]:
            record = TaskRecord.from_json(task, self._last_number + 1)
            if record.id not in self.tasks:
                self._last_number += 1
                self.tasks[record.id] = record
                self._wait(record)
        self._recent_names = {**data["recentNames"], **self._recent_names}

    # Waiting

    def _wait(self, record: TaskRecord) -> None:
        self._schedule.add(record)
        # Only a task due before the timer changes what comes next: creating a later one stays cheap.
        if self._timer is None or record.due_us < self._timer_due_us:
            self._pump()

    def _pump(self) -> None:
        """Begin each task that may begin now; arm the timer for the next."""
        self._disarm()
        if self._loop is None or self.paused:
            return
        assert self._bucket
        while record := self._schedule.first():
            wait_us = record.due_us - self._now_us()
            if wait_us > 0:
                self._arm(record.due_us, wait_us / 1e6)
                return
            if len(self._sending) >= self.message.rate_limits.max_concurrent_dispatches:
                # The end of an attempt pumps again.
                return
            wait_s = self._bucket.take()
            if wait_s > 0:
                # No task can go earlier than that, whenever it is due.
                self._arm(0, wait_s)
                return
            self._schedule.remove(record)
            self._begin(record, forced=False)

    def _arm(self, due_us: int, delay_s: float) -> None:
        assert self._loop
        self._timer_due_us = due_us
        self._timer = self._loop.call_later(min(delay_s, LONGEST_TIMER_S), self._pump)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # Attempts

    def _begin(self, record: TaskRecord, *, forced: bool) -> None:
        attempt = record.begin(self._now_us())
        sending = asyncio.get_running_loop().create_task(self._send(self.id, record))
        self._sending[sending] = (record, attempt, forced)
        sending.add_done_callback(self._sent)

    def _sent(self, sending: asyncio.Task[Outcome]) -> None:
        record, attempt, forced = self._sending.pop(sending)
        if sending.cancelled():
            record.running -= 1
            if not record.gone and not record.running:
                self._wait(record)
        else:
            self._settle(record, attempt, sending.result(), forced=forced)
        if self._timer is None:
            self._pump()

    def _settle(self, record: TaskRecord, attempt: Attempt, outcome: Outcome, *, forced: bool) -> None:
        now_us = self._now_us()
        record.end(attempt, outcome, now_us)
        if record.gone:
            return
        if outcome.done:
            self._done_count += 1
            self._forget(record)
            return
        if record.running:
            # A forced run beside a normal one: the last to end decides.
            return
        task = TaskMessage.FromString(record.request)
        policy = self._policy_of(task)
        attempts = record.dispatch_count
        if policy.exhausted(attempts, (now_us - record.first_dispatch_us) / 1e6, (now_us - record.created_us) / 1e6):
            self._dead_count += 1
            self._forget(record)
            logger.error("task %s of queue %s is out of attempts: %s", record.id, self.id, outcome.message)
            self._on_dead(self, record, outcome)
            return
        delay_s = max(policy.backoff_s(attempts), min(outcome.retry_after_s, policy.max_backoff_s))
        # A forced run that fails is tried again counting from the call.
        record.due_us = (attempt.dispatch_us if forced else now_us) + round(delay_s * 1e6)
        logger.info("task %s of queue %s: %s, again in %.1f s", record.id, self.id, outcome.message, delay_s)
        self._wait(record)

    def _policy_of(self, task: Any) -> RetryPolicy:
        if not task.HasField("retry_config"):
            return self.policy
        return retry_policy(task.retry_config, self.policy)

    # Names

    def _forget(self, record: TaskRecord) -> None:
        record.gone = True
        del self.tasks[record.id]
        self._schedule.remove(record)
        # A generated name is never asked for again.
        if record.named:
            now_us = self._now_us()
            self._recent_names[record.id] = now_us + NAME_MEMORY_US
            self._free_names(now_us)

    def _is_recent(self, task_id: str, now_us: int) -> bool:
        self._free_names(now_us)
        return self._recent_names.get(task_id, 0) > now_us

    def _free_names(self, now_us: int) -> None:
        while self._recent_names:
            task_id, free_us = next(iter(self._recent_names.items()))
            if free_us > now_us:
                return
            del self._recent_names[task_id]

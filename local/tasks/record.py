"""One task in memory. The request stays serialised: a waiting task is then one small object, whatever it carries."""

import base64
from dataclasses import dataclass
from typing import Any

from local.tasks.validation import TaskMessage, split_task_name

BASIC, FULL = 1, 2


@dataclass(slots=True)
class Attempt:
    """One request to the target. Times are microseconds since 1970; `response_us` 0: no response yet."""

    schedule_us: int
    dispatch_us: int
    response_us: int = 0
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: `http_status` None is no response; `code` is the google.rpc.Code it stands for."""

    http_status: int | None
    code: int
    message: str
    retry_after_s: float = 0.0

    @property
    def done(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status <= 299


@dataclass(slots=True, eq=False)
class TaskRecord:
    """A task that waits or runs; `gone` once it is done, deleted or out of attempts.

    `number` is the order of creation (pages of a listing follow it); `heap_entry` names the one entry of the queue's
    heap that counts, 0 when the task is not in it.
    """

    id: str
    named: bool
    number: int
    request: bytes
    created_us: int
    due_us: int
    heap_entry: int = 0
    running: int = 0
    gone: bool = False
    dispatch_count: int = 0
    response_count: int = 0
    execution_count: int = 0
    first_dispatch_us: int = 0
    last_attempt: Attempt | None = None
    previous_response: int = 0
    retry_reason: str = ""

    def begin(self, now_us: int) -> Attempt:
        """Count an attempt that starts now."""
        attempt = Attempt(schedule_us=self.due_us, dispatch_us=now_us)
        self.running += 1
        self.dispatch_count += 1
        self.first_dispatch_us = self.first_dispatch_us or now_us
        self.last_attempt = attempt
        return attempt

    def end(self, attempt: Attempt, outcome: Outcome, now_us: int) -> None:
        """Record how `attempt` ended."""
        self.running -= 1
        attempt.code, attempt.message = outcome.code, outcome.message
        attempt.response_us = now_us
        if outcome.http_status is None:
            self.previous_response = 0
        else:
            self.response_count += 1
            self.previous_response = outcome.http_status
            # As documented for X-CloudTasks-TaskExecutionCount: a 5xx has not reached the execution.
            self.execution_count += outcome.http_status < 500
        self.retry_reason = outcome.message

    def message(self, view: int = BASIC) -> Any:
        """The google.cloud.tasks.v2.Task; the basic view leaves the body out."""
        task = TaskMessage.FromString(self.request)
        task.schedule_time.FromMicroseconds(self.due_us)
        task.dispatch_count = self.dispatch_count
        task.response_count = self.response_count
        if self.first_dispatch_us:
            task.first_attempt.dispatch_time.FromMicroseconds(self.first_dispatch_us)
        if self.last_attempt:
            last = task.last_attempt
            last.schedule_time.FromMicroseconds(self.last_attempt.schedule_us)
            last.dispatch_time.FromMicroseconds(self.last_attempt.dispatch_us)
            if self.last_attempt.response_us:
                last.response_time.FromMicroseconds(self.last_attempt.response_us)
                last.response_status.code = self.last_attempt.code
                last.response_status.message = self.last_attempt.message
        if view != FULL:
            task.http_request.ClearField("body")
        task.view = FULL if view == FULL else BASIC
        return task

    def to_json(self) -> dict[str, Any]:
        """All that outlives a restart, as JSON-able data; the Task message in base64."""
        return {
            "task": base64.b64encode(self.message(FULL).SerializeToString()).decode(),
            "named": self.named,
            "executionCount": self.execution_count,
            "previousResponse": self.previous_response,
            "retryReason": self.retry_reason,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], number: int) -> "TaskRecord":
        """The inverse of `to_json`; an attempt that was running is counted and will be repeated."""
        task = TaskMessage.FromString(base64.b64decode(data["task"]))
        last_attempt = None
        if task.HasField("last_attempt"):
            last = task.last_attempt
            last_attempt = Attempt(
                schedule_us=last.schedule_time.ToMicroseconds(),
                dispatch_us=last.dispatch_time.ToMicroseconds(),
                response_us=last.response_time.ToMicroseconds() if last.HasField("response_time") else 0,
                code=last.response_status.code,
                message=last.response_status.message,
            )
        record = cls(
            id=split_task_name(task.name)[1],
            named=data["named"],
            number=number,
            request=b"",
            created_us=task.create_time.ToMicroseconds(),
            due_us=task.schedule_time.ToMicroseconds(),
            dispatch_count=task.dispatch_count,
            response_count=task.response_count,
            execution_count=data["executionCount"],
            first_dispatch_us=(
                task.first_attempt.dispatch_time.ToMicroseconds() if task.HasField("first_attempt") else 0
            ),
            last_attempt=last_attempt,
            previous_response=data["previousResponse"],
            retry_reason=data["retryReason"],
        )
        for kept_apart in (
            "schedule_time", "dispatch_count", "response_count", "first_attempt", "last_attempt", "view"
        ):  # fmt: skip
            task.ClearField(kept_apart)
        record.request = task.SerializeToString()
        return record

"""Cloud Tasks: work at a time, at least once, under a name that makes repeats harmless."""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from . import ids, spans, trace
from .config import Settings
from .errors import Unavailable

log = logging.getLogger(__name__)

FURTHEST_AHEAD = timedelta(days=29)
"""Cloud Tasks takes what is due within 30 days; for a later time, a task schedules the next."""


@dataclass(frozen=True)
class Task:
    """POST `payload` to the `tasks` function at `path`, not before `at` (None: now).

    `key` says what the task is for ("tick", session, n); its digest is the task's name, so a second creation within
    Cloud Tasks' memory (about an hour) does nothing. The handler must be idempotent all the same.
    """

    path: str
    key: tuple[Any, ...]
    payload: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None

    @property
    def name(self) -> str:
        return ids.digest(*self.key)


class TaskScheduler(Protocol):
    def create(self, task: Task) -> None:
        """Schedule the task; a repeat of its name is fine. Raises Unavailable if it can't be scheduled."""


class CloudTasks:
    """The real thing, and its emulator when CLOUD_TASKS_EMULATOR_HOST is set."""

    TIMEOUT_S = 5.0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue = (
            f"projects/{settings.google_cloud_project}/locations/{settings.region}/queues/{settings.tasks_queue}"
        )

    @cached_property
    def _client(self) -> Any:
        from google.cloud import tasks_v2

        host = self._settings.cloud_tasks_emulator_host
        if not host:
            return tasks_v2.CloudTasksClient()
        import grpc
        from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

        return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(host)))

    def create(self, task: Task) -> None:
        about = {"messaging.system": "gcp_cloud_tasks", "messaging.destination.name": self._queue}
        with spans.child(f"create {task.path}", "producer", {**about, "messaging.message.id": task.name}):
            self._create(task)

    def _create(self, task: Task) -> None:
        from google.api_core import exceptions
        from google.cloud import tasks_v2
        from google.protobuf.timestamp_pb2 import Timestamp

        message = tasks_v2.Task(
            name=f"{self._queue}/tasks/{task.name}",
            http_request=tasks_v2.HttpRequest(
                url=self._settings.tasks_url + task.path,
                http_method=tasks_v2.HttpMethod.POST,
                headers={"Content-Type": "application/json", **_trace()},
                body=json.dumps(task.payload).encode(),
                oidc_token=tasks_v2.OidcToken(
                    service_account_email=self._settings.tasks_service_account, audience=self._settings.tasks_url
                ),
            ),
        )
        if task.at is not None:
            at = Timestamp()
            at.FromDatetime(task.at.astimezone(UTC))
            message.schedule_time = at
        try:
            self._client.create_task(parent=self._queue, task=message, timeout=self.TIMEOUT_S)
        except exceptions.AlreadyExists:
            log.debug("task exists already", extra={"task": task.key})
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            log.warning("task not created", extra={"task": task.key, "error": str(error)})
            raise Unavailable("the task could not be scheduled") from error


def _trace() -> dict[str, str]:
    """The header by which what the task does belongs to the trace of what created it."""
    current = trace.current()
    return {} if current is None else {trace.HEADER: current.header}

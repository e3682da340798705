"""What the real service accepts: names, limits and defaults of queues and tasks. Raises INVALID_ARGUMENT."""

import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from google.cloud.tasks_v2.types import task as task_types

from local.tasks.errors import invalid, unimplemented
from local.tasks.policy import DEFAULT_RETRY_POLICY, retry_policy

TaskMessage = task_types.Task.pb()

MAX_TASK_BYTES = 100 * 1024
MAX_HEADER_BYTES = 80 * 1024
MAX_URL_CHARACTERS = 2083
MAX_SCHEDULE_AHEAD_US = 30 * 24 * 3600 * 1_000_000
MIN_DISPATCH_DEADLINE_US = 15 * 1_000_000
MAX_DISPATCH_DEADLINE_US = 30 * 60 * 1_000_000
DEFAULT_DISPATCH_DEADLINE_S = 600
USER_AGENT = "Google-Cloud-Tasks"

_LOCATION = r"projects/[A-Za-z0-9:.\-]+/locations/[A-Za-z0-9\-]+"
_QUEUE = _LOCATION + r"/queues/[A-Za-z0-9\-]{1,100}"
_LOCATION_PATTERN = re.compile(_LOCATION)
_QUEUE_PATTERN = re.compile(_QUEUE)
_TASK_PATTERN = re.compile(rf"(?P<queue>{_QUEUE})/tasks/(?P<task>[A-Za-z0-9_\-]{{1,500}})")
# RFC 9110: a token; visible characters, spaces and tabs.
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# Cloud Tasks computes or keeps these for itself.
_OWN_HEADERS = frozenset({"host", "content-length", "user-agent", "transfer-encoding", "connection"})
_OWN_HEADER_PREFIXES = ("x-google-", "x-appengine-", "x-cloudtasks-")

_REQUEST_FIELDS = TaskMessage.DESCRIPTOR.fields_by_name["http_request"].message_type.fields_by_name
HTTP_METHODS: dict[int, str] = {
    value.number: value.name for value in _REQUEST_FIELDS["http_method"].enum_type.values if value.number
}
_POST = next(number for number, name in HTTP_METHODS.items() if name == "POST")
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def check_location(name: str) -> str:
    if not _LOCATION_PATTERN.fullmatch(name):
        raise invalid('Location must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>"')
    return name


def check_queue_name(name: str) -> str:
    if not _QUEUE_PATTERN.fullmatch(name):
        raise invalid('Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"')
    return name


def split_task_name(name: str) -> tuple[str, str]:
    """The queue's name and the task's id."""
    match = _TASK_PATTERN.fullmatch(name)
    if not match:
        raise invalid(
            "Task name must be formatted: "
            '"projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>"'
        )
    return match["queue"], match["task"]


def check_queue(queue: Any) -> None:
    """Refuse what would be accepted and then not done."""
    if queue.HasField("http_target"):
        raise unimplemented("Queue.http_target")
    if queue.HasField("app_engine_routing_override"):
        raise unimplemented("Queue.app_engine_routing_override")


def complete_task(given: Any, queue_name: str, now_us: int) -> tuple[Any, str, bool, int]:
    """The task as the service keeps it: (message without schedule_time, id, whether the caller named it, due µs)."""
    task = TaskMessage()
    task.CopyFrom(given)
    for output_only in ("dispatch_count", "response_count", "first_attempt", "last_attempt", "view"):
        task.ClearField(output_only)
    named = bool(task.name)
    task_id = _name_task(task, queue_name)
    _complete_request(task)
    due_us = _due_us(task, now_us)
    task.ClearField("schedule_time")
    task.create_time.FromSeconds(now_us // 1_000_000)
    if not task.HasField("dispatch_deadline"):
        task.dispatch_deadline.FromSeconds(DEFAULT_DISPATCH_DEADLINE_S)
    if not MIN_DISPATCH_DEADLINE_US <= task.dispatch_deadline.ToMicroseconds() <= MAX_DISPATCH_DEADLINE_US:
        raise invalid("Task.dispatchDeadline must be between [15s, 30m].")
    if task.HasField("retry_config"):
        retry_policy(task.retry_config, DEFAULT_RETRY_POLICY)
    if given.ByteSize() > MAX_TASK_BYTES:
        raise invalid(f"Task size too large: {given.ByteSize()} bytes, the maximum is {MAX_TASK_BYTES}.")
    return task, task_id, named, due_us


def _name_task(task: Any, queue_name: str) -> str:
    if not task.name:
        task_id = str(secrets.randbits(63))
        task.name = f"{queue_name}/tasks/{task_id}"
        return task_id
    queue_of_task, task_id = split_task_name(task.name)
    if queue_of_task != queue_name:
        raise invalid(
            f'The queue name from request ("{queue_name}") must be the same as the queue name in the named task '
            f'("{queue_of_task}").'
        )
    return task_id


def _due_us(task: Any, now_us: int) -> int:
    if not task.HasField("schedule_time"):
        return now_us
    due_us: int = task.schedule_time.ToMicroseconds()
    if due_us > now_us + MAX_SCHEDULE_AHEAD_US:
        raise invalid(
            f"The Task.scheduleTime, {task.schedule_time.ToJsonString()}, is too far in the future. "
            "Schedule time must be no more than 720h in the future."
        )
    return max(due_us, now_us)


def _complete_request(task: Any) -> None:
    kind = task.WhichOneof("message_type")
    if kind == "app_engine_http_request":
        raise unimplemented("Task.app_engine_http_request")
    if kind is None:
        raise invalid("Task.httpRequest is required.")
    request = task.http_request
    _check_url(request.url)
    request.http_method = request.http_method or _POST
    method = HTTP_METHODS.get(request.http_method)
    if method is None:
        raise invalid("HttpRequest.httpMethod is not a known method.")
    if request.body and method not in _METHODS_WITH_BODY:
        raise invalid("HttpRequest.body is only allowed with the methods POST, PUT and PATCH.")
    authorization = request.WhichOneof("authorization_header")
    if authorization == "oauth_token":
        raise unimplemented("HttpRequest.oauth_token")
    if authorization == "oidc_token" and "@" not in request.oidc_token.service_account_email:
        raise invalid("HttpRequest.oidcToken.serviceAccountEmail must be the address of a service account.")
    _complete_headers(request)


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise invalid('HttpRequest.url must start with "http://" or "https://".')
    if len(url) > MAX_URL_CHARACTERS:
        raise invalid(f"HttpRequest.url must not be longer than {MAX_URL_CHARACTERS} characters.")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise invalid(f"HttpRequest.url is not a URL: {error}") from error
    if not parts.hostname:
        raise invalid("HttpRequest.url must name a host.")


def _complete_headers(request: Any) -> None:
    headers = dict(request.headers)
    if sum(len(name) + len(value) for name, value in headers.items()) >= MAX_HEADER_BYTES:
        raise invalid("HttpRequest.headers must be less than 80KB.")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise invalid(f"HttpRequest.headers: {name!r} is not a valid HTTP header.")
        if name.lower() in _OWN_HEADERS or name.lower().startswith(_OWN_HEADER_PREFIXES):
            del request.headers[name]
    request.headers["User-Agent"] = USER_AGENT

"""One attempt of a task: the HTTP request that Cloud Tasks sends, and what its answer means."""

import asyncio
import logging
from typing import Any

import aiohttp
from google.rpc import code_pb2

from local.oidc import LocalIssuer
from local.tasks.record import Outcome, TaskRecord
from local.tasks.validation import HTTP_METHODS, TaskMessage

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
# Below the idle time of the servers that answer (gunicorn: 2 s): a connection that the server has just closed would
# fail an attempt and cost its back-off.
KEEP_ALIVE_S = 1.0
_CODES: dict[int, int] = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    409: code_pb2.ABORTED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    499: code_pb2.CANCELLED,
    501: code_pb2.UNIMPLEMENTED,
    503: code_pb2.UNAVAILABLE,
    504: code_pb2.DEADLINE_EXCEEDED,
}
_CODES_OF_CLASSES: dict[int, int] = {
    2: code_pb2.OK,
    4: code_pb2.FAILED_PRECONDITION,
    5: code_pb2.INTERNAL,
}


def rpc_code(http_status: int) -> int:
    """The google.rpc.Code of an HTTP status, after google/rpc/code.proto."""
    if http_status in _CODES:
        return _CODES[http_status]
    return _CODES_OF_CLASSES.get(http_status // 100, int(code_pb2.UNKNOWN))


def _no_response(code: int, reason: str) -> Outcome:
    return Outcome(http_status=None, code=code, message=f"{code_pb2.Code.Name(code)}({code}): {reason}")


def _response(status: int, headers: Any) -> Outcome:
    code = rpc_code(status)
    retry_after = headers.get("Retry-After", "")
    return Outcome(
        http_status=status,
        code=code,
        message=f"{code_pb2.Code.Name(code)}({code}): HTTP status code {status}",
        # Only the form in seconds: a date would be of another clock.
        retry_after_s=float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0,
    )


class Dispatcher:
    """Sends attempts over one pool of connections."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self._issuer = issuer
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            # Cloud Tasks sets no Content-Type by itself.
            skip_auto_headers=("Content-Type",),
        )

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def send(self, queue_id: str, record: TaskRecord) -> Outcome:
        """Make the attempt that `record` has just begun. Raises nothing but cancellation."""
        assert self._session, "start() comes first"
        task = TaskMessage.FromString(record.request)
        request = task.http_request
        try:
            async with self._session.request(
                HTTP_METHODS[request.http_method],
                request.url,
                data=request.body or None,
                headers=self._headers(queue_id, record, request),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=task.dispatch_deadline.ToMicroseconds() / 1e6),
            ) as response:
                # Reading to the end frees the connection for the next attempt.
                await response.read()
                return _response(response.status, response.headers)
        except TimeoutError:
            return _no_response(code_pb2.DEADLINE_EXCEEDED, "the target did not answer by the dispatch deadline")
        except (aiohttp.ClientError, OSError) as error:
            return _no_response(code_pb2.UNAVAILABLE, f"{type(error).__name__}: {error}")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Whatever else goes wrong, the task must not be lost: it counts as a failed attempt.
            logger.exception("attempt of task %s", record.id)
            return _no_response(code_pb2.UNKNOWN, f"{type(error).__name__}: {error}")

    def _headers(self, queue_id: str, record: TaskRecord, request: Any) -> dict[str, str]:
        headers = dict(request.headers)
        headers["X-CloudTasks-QueueName"] = queue_id
        headers["X-CloudTasks-TaskName"] = record.id
        headers["X-CloudTasks-TaskRetryCount"] = str(record.dispatch_count - 1)
        headers["X-CloudTasks-TaskExecutionCount"] = str(record.execution_count)
        headers["X-CloudTasks-TaskETA"] = f"{record.due_us // 1_000_000}.{record.due_us % 1_000_000:06d}"
        if record.previous_response:
            headers["X-CloudTasks-TaskPreviousResponse"] = str(record.previous_response)
        if record.retry_reason:
            # An exception's text may hold what a header must not.
            reason = "".join(c if " " <= c <= "~" else " " for c in record.retry_reason)
            headers["X-CloudTasks-TaskRetryReason"] = reason
        if request.WhichOneof("authorization_header") == "oidc_token":
            for name in [name for name in headers if name.lower() == "authorization"]:
                del headers[name]
            oidc = request.oidc_token
            token = self._issuer.token(oidc.audience or request.url, oidc.service_account_email)
            headers["Authorization"] = f"Bearer {token}"
        return headers

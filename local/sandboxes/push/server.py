"""The sandbox's HTTP server: `/v1/projects/{project}/messages:send`, its own paths under `/sandbox`, a page at `/`."""

import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.listening import HttpService
from local.sandboxes.faults import Faults
from local.sandboxes.push import page
from local.sandboxes.push.messages import InvalidMessage, check

MAX_MESSAGES = 1_000
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# HTTP status → google.rpc status, FCM's own code (None: none), message.
FAILURES: dict[int, tuple[str, str | None, str]] = {
    400: ("INVALID_ARGUMENT", "INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", None, "Request is missing required authentication credential."),
    403: ("PERMISSION_DENIED", None, "Permission 'cloudmessaging.messages.create' denied on the project."),
    404: ("NOT_FOUND", None, "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded for the device message rate."),
    500: ("INTERNAL", "INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
}
# What a token can be, if it isn't good: HTTP status, google.rpc status, FCM's code, message.
TOKEN_STATES: dict[str, tuple[int, str, str, str]] = {
    "unregistered": (404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
    "foreign": (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch"),
    "invalid": (
        400,
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
    ),
}


def refusal(code: int, status: str, message: str, details: list[dict[str, Any]]) -> web.Response:
    """An error in Google's shape."""
    error = {"code": code, "message": message, "status": status, **({"details": details} if details else {})}
    return web.json_response({"error": error}, status=code)


def _fcm(code: str | None) -> list[dict[str, Any]]:
    return [{"@type": FCM_ERROR, "errorCode": code}] if code else []


class PushSandbox(HttpService):
    """Takes messages for any token; port 0 takes any free one.

    POST /v1/projects/{project}/messages:send with any Bearer token, as the API. GET /sandbox/messages?token= →
    {"items": [{"name", "project", "sentAt", "message"}]}, newest first; DELETE forgets them.
    PUT /sandbox/tokens/{token} {"state": "unregistered" | "foreign" | "invalid" | "good"} says what becomes of a token.
    POST /sandbox/faults {"status" | "timeout_ms", "times"?, "token"?, "retry_after"?} makes the next `times` requests
    (1) fail, DELETE ends that.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(port, host)
        self.requests = 0
        """How many requests the API has seen."""
        self.sent: deque[dict[str, Any]] = deque(maxlen=MAX_MESSAGES)
        self._tokens: dict[str, str] = {}
        self._faults = Faults(FAILURES, "token", "retry_after")

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer_errors])
        app.add_routes(
            [
                web.get("/", self._page),
                web.post("/v1/projects/{project}/messages:send", self._send),
                web.get("/sandbox/messages", self._list),
                web.delete("/sandbox/messages", self._clear),
                web.put("/sandbox/tokens/{token}", self._set_token),
                *self._faults.routes(),
            ]
        )
        return app

    def to(self, token: str) -> list[dict[str, Any]]:
        """The messages to a token, oldest first."""
        return [sent["message"] for sent in self.sent if sent["message"].get("token") == token]

    def set_token(self, token: str, state: str) -> None:
        """Raises ValueError for a state that there is not."""
        if state != "good" and state not in TOKEN_STATES:
            raise ValueError(f"state is one of good, {', '.join(TOKEN_STATES)}")
        self._tokens[token] = state

    def fail(self, **fault: Any) -> None:
        """As POST /sandbox/faults. Raises ValueError."""
        self._faults.add(fault)

    # The API

    async def _send(self, request: web.Request) -> web.Response:
        self.requests += 1
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            status, _, text = FAILURES[401]
            return refusal(401, status, text, [])
        body = await request.json()
        try:
            message = check(body)
        except InvalidMessage as error:
            violation = {"field": error.field, "description": error.description}
            details = [*_fcm("INVALID_ARGUMENT"), {"@type": BAD_REQUEST, "fieldViolations": [violation]}]
            return refusal(400, "INVALID_ARGUMENT", error.description, details)
        token = message.get("token", "")
        fault = await self._faults.take(token)
        if fault is not None:
            status, code, text = FAILURES[fault["status"]]
            response = refusal(fault["status"], status, text, _fcm(code))
            if "retry_after" in fault:
                response.headers["Retry-After"] = str(fault["retry_after"])
            return response
        state = TOKEN_STATES.get(self._tokens.get(token, "good"))
        if state is not None:
            http_status, status, code, text = state
            return refusal(http_status, status, text, _fcm(code))
        name = f"projects/{request.match_info['project']}/messages/{secrets.token_hex(8)}"
        if not body.get("validate_only"):
            sent_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            project = request.match_info["project"]
            self.sent.append({"name": name, "project": project, "sentAt": sent_at, "message": message})
        return web.json_response({"name": name})

    # The sandbox's own

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page.render(reversed(self.sent)), content_type="text/html")

    async def _list(self, request: web.Request) -> web.Response:
        token = request.query.get("token")
        items = [sent for sent in reversed(self.sent) if token in (None, sent["message"].get("token"))]
        return web.json_response({"items": items})

    async def _clear(self, request: web.Request) -> web.Response:
        self.sent.clear()
        return web.Response(status=204)

    async def _set_token(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.set_token(request.match_info["token"], str(body.get("state")) if isinstance(body, dict) else "")
        return web.json_response(body)

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return refusal(400, "INVALID_ARGUMENT", str(error), [])
        except web.HTTPException as error:
            code = error.status if error.status in FAILURES else 404
            status, _, text = FAILURES[code]
            return refusal(code, status, text, [])

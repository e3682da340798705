"""The pusher: one message to one device, over FCM's HTTP v1 API (projects.messages.send).

Plain requests, which the Firestore client has loaded already: firebase_admin.messaging would add 70 ms to a cold start,
try again by itself, and go to Google alone.
"""

import logging
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Protocol

import requests
from google.auth.exceptions import GoogleAuthError

from konnect import spans
from konnect.config import FCM_URL, Settings
from konnect.errors import BadGateway, Unavailable
from konnect.text import shortened

log = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
TTL_S = 24 * 3600
MAX_TITLE, MAX_BODY = 120, 500
"""Characters. FCM takes 4,096 bytes in all."""
RETRY_AFTER_S = 60


class Unregistered(Exception):
    """Nobody has this token (any more), or it was never this project's: it is to be forgotten."""


@dataclass(frozen=True)
class Message:
    """`tag` names it on the device: one with the same tag takes its place. `link` opens when it is clicked in a
    browser."""

    token: str
    tag: str
    title: str
    body: str
    data: dict[str, str] = field(default_factory=dict)
    link: str | None = None


class Pusher(Protocol):
    def send(self, message: Message) -> str:
        """Hand `message` over; returns its name. Raises Unregistered, Unavailable (try again), BadGateway (refused)."""


class FcmPusher:
    """FCM, and its sandbox when FCM_URL names one."""

    def __init__(self, settings: Settings) -> None:
        base = settings.fcm_url.rstrip("/")
        self._is_sandbox = base != FCM_URL
        self._url = f"{base}/v1/projects/{settings.google_cloud_project}/messages:send"
        self._timeout_s = settings.fcm_timeout_s

    @cached_property
    def _session(self) -> requests.Session:
        if self._is_sandbox:
            session = requests.Session()
            session.headers["Authorization"] = "Bearer sandbox"
            return session
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = google.auth.default(scopes=[SCOPE])
        # Trying again is the trigger's work.
        return AuthorizedSession(credentials, max_refresh_attempts=1)

    @spans.calls("fcm")
    def send(self, message: Message) -> str:
        try:
            response = self._session.post(self._url, json={"message": _wire(message)}, timeout=self._timeout_s)
        except (requests.RequestException, GoogleAuthError, OSError) as error:
            raise Unavailable(f"FCM can't be reached: {error}") from error
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.ok and isinstance(body, dict) and "name" in body:
            return str(body["name"])
        raise _failure(response, body)


@lru_cache(maxsize=8)
def pusher(settings: Settings) -> Pusher:
    """The pusher of these settings: one connection pool a process."""
    return FcmPusher(settings)


def _wire(message: Message) -> dict[str, Any]:
    webpush: dict[str, Any] = {"headers": {"TTL": str(TTL_S)}, "notification": {"tag": message.tag}}
    # FCM refuses a link without TLS.
    if message.link is not None and message.link.startswith("https://"):
        webpush["fcm_options"] = {"link": message.link}
    return {
        "token": message.token,
        "notification": {"title": shortened(message.title, MAX_TITLE), "body": shortened(message.body, MAX_BODY)},
        "data": message.data,
        "android": {"ttl": f"{TTL_S}s", "notification": {"tag": message.tag}},
        "apns": {"headers": {"apns-collapse-id": message.tag}},
        "webpush": webpush,
    }


def _failure(response: requests.Response, body: Any) -> Exception:
    """Our error for FCM's: {"error": {"code", "message", "status", "details": [{"@type", "errorCode"}]}}."""
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    details = [one for one in error.get("details", []) if isinstance(one, dict)]
    code = next((one["errorCode"] for one in details if "errorCode" in one), "")
    violations = {violation.get("field") for one in details for violation in one.get("fieldViolations", [])}
    status = response.status_code
    message = f"FCM answered {status} {code or error.get('status', '')}: {error.get('message', '')}"
    if code in ("UNREGISTERED", "SENDER_ID_MISMATCH"):
        return Unregistered(message)
    # Without a violation, it is the token alone that is wrong; with one, our message may be.
    if status == 400 and code == "INVALID_ARGUMENT" and violations <= {"message.token"}:
        return Unregistered(message)
    if 400 <= status < 500 and status not in (401, 403, 404, 429):
        return BadGateway(message)
    # 401, 403 and any other 404 (no such project) are our own trouble, 429 a quota's, the rest Google's: time may mend
    # them, and no token is to blame.
    log.warning("push not sent", extra={"status": status, "error": message})
    wait = response.headers.get("Retry-After", "")
    return Unavailable(message, retry_after_s=int(wait) if wait.isdecimal() else RETRY_AFTER_S)

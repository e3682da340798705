"""The HTTP session under the official client, which itself has no time-out, drops the status of an error, and prints.

Imported at first use of the client only: requests costs a cold start what a request does not need.
"""

import logging
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import razorpay
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from konnect import spans
from konnect.config import Settings
from konnect.errors import KonnectError, Unavailable

from .errors import Refused

log = logging.getLogger(__name__)

# At most as many requests as one instance serves at a time.
MAX_CONNECTIONS = 40
RETRIES = 1
RETRY_DELAY_S = 0.2
SERVER_ERRORS = (500, 502, 503, 504)
TOO_MANY_REQUESTS = 429


def official_client(settings: Settings) -> Any:
    """Razorpay's own client over a session of ours."""
    return razorpay.Client(
        session=Session(settings.razorpay_timeout_s),
        auth=(settings.razorpay_key_id, settings.razorpay_key_secret),
        base_url=settings.razorpay_url.rstrip("/"),
    )


class Session(requests.Session):
    """Fails with Unavailable (network, time-out, 429, 5xx) or Refused, a BadGateway (any other refusal).

    A GET is tried once more; another method only if no connection came about, so that nothing is done twice.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        retry = Retry(
            total=RETRIES,
            status_forcelist=SERVER_ERRORS,
            allowed_methods={"GET"},
            backoff_factor=RETRY_DELAY_S,
            raise_on_status=False,
            # A provider in trouble may ask for a minute; nobody waits that long here.
            respect_retry_after_header=False,
        )
        adapter = HTTPAdapter(pool_maxsize=MAX_CONNECTIONS, max_retries=retry)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        about = {
            "service.peer.name": "razorpay",
            "http.request.method": str(method),
            "url.path": urlsplit(str(url)).path,
        }
        with spans.child(f"razorpay {method!s}", "client", about):
            return self._request(method, url, **options)

    def _request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:
        options.setdefault("timeout", self._timeout_s)
        try:
            response = super().request(method, url, **options)
        except requests.RequestException as error:
            log.warning("Razorpay not reached", extra={"url": str(url), "error": str(error)})
            raise Unavailable("the payment provider can't be reached; please try again") from error
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if not response.ok:
            raise failure(response.status_code, body, str(url))
        if body is None:
            log.warning("Razorpay answered no JSON", extra={"url": str(url), "status": response.status_code})
            raise Unavailable("the payment provider can't be reached; please try again")
        return response


def failure(status: int, body: Any, url: str) -> KonnectError:
    """Our error for an error of Razorpay's: {"error": {"code", "description", "field", …}}."""
    found = body.get("error") if isinstance(body, dict) else None
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    shown = {name: error[name] for name in ("code", "description", "field") if error.get(name)}
    log.warning(
        "Razorpay refused", extra={"url": url, "status": status, **{f"razorpay_{k}": v for k, v in shown.items()}}
    )
    if status >= 500 or status == TOO_MANY_REQUESTS:
        return Unavailable("the payment provider failed; please try again")
    # That our own keys are wrong is nobody's business but the log's.
    details = [shown] if shown and status not in {401, 403} else None
    return Refused("the payment provider refused the request", provider_status=status, shown=shown, details=details)

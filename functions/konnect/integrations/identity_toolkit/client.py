"""Accounts by address and password: Firebase Auth's REST API (accounts:signUp, accounts:signInWithPassword).

firebase_admin creates accounts, but can't sign anybody in: a password is checked here alone. Needs the project's Web
API key (FIREBASE_API_KEY), which is public; in the cloud one without a restriction to browsers' addresses.
"""

import logging
from dataclasses import dataclass
from typing import Any

from konnect import spans
from konnect.config import Settings
from konnect.errors import BadRequest, Conflict, RateLimited, Unauthenticated, Unavailable

log = logging.getLogger(__name__)

URL = "https://identitytoolkit.googleapis.com"
TIMEOUT_S = 10.0
RETRY_AFTER_S = 300
"""Firebase names no time after too many attempts of its own counting."""
_WRONG = {"EMAIL_NOT_FOUND", "INVALID_PASSWORD", "INVALID_LOGIN_CREDENTIALS", "INVALID_EMAIL", "USER_DISABLED"}
"""One answer for them all: none may tell that an address is known. USER_DISABLED comes before the password is looked
at."""


@dataclass(frozen=True)
class SignedIn:
    """`expires_in_s`: until the ID token expires."""

    uid: str
    id_token: str
    refresh_token: str
    expires_in_s: int


class IdentityToolkit:
    """The API, and the Auth emulator when FIREBASE_AUTH_EMULATOR_HOST names one."""

    def __init__(self, settings: Settings) -> None:
        host = settings.firebase_auth_emulator_host
        self._url = f"http://{host}/identitytoolkit.googleapis.com" if host else URL
        # The emulator wants a key, and takes any.
        self._key = settings.firebase_api_key or ("local" if host else "")

    @spans.calls("firebase-auth")
    def sign_up(self, email: str, password: str, name: str) -> SignedIn:
        """A new account. Raises Conflict (EMAIL_TAKEN), BadRequest (WEAK_PASSWORD, email), RateLimited, Unavailable."""
        return self._call("signUp", {"email": email, "password": password, "displayName": name})

    @spans.calls("firebase-auth")
    def sign_in(self, email: str, password: str) -> SignedIn:
        """Raises Unauthenticated (INVALID_CREDENTIALS: unknown, wrong or disabled), RateLimited, Unavailable."""
        return self._call("signInWithPassword", {"email": email, "password": password})

    def _call(self, method: str, body: dict[str, Any]) -> SignedIn:
        import requests

        if not self._key:
            log.error("FIREBASE_API_KEY is not set")
            raise Unavailable("signing in with a password is not set up here")
        try:
            response = requests.post(
                f"{self._url}/v1/accounts:{method}",
                params={"key": self._key},
                json={**body, "returnSecureToken": True},
                timeout=TIMEOUT_S,
            )
            answer = response.json()
            if response.ok:
                return SignedIn(
                    answer["localId"], answer["idToken"], answer["refreshToken"], int(answer.get("expiresIn", 3600))
                )
            said = str(answer["error"]["message"])
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            # Its text may show the URL, and so the key.
            log.warning("Firebase Auth not reached", extra={"method": method, "error": type(error).__name__})
            raise Unavailable("signing in is not possible at the moment; please try again") from None
        raise _refusal(method, said)


def _refusal(method: str, said: str) -> Exception:
    code, _, why = (part.strip() for part in said.partition(":"))
    if code == "EMAIL_EXISTS":
        return Conflict("there is an account with this e-mail address already; please sign in", code="EMAIL_TAKEN")
    if code in {"WEAK_PASSWORD", "PASSWORD_DOES_NOT_MEET_REQUIREMENTS"}:
        return BadRequest.field("password", (why or "is too weak").lower(), code="WEAK_PASSWORD")
    if code == "INVALID_EMAIL" and method == "signUp":
        return BadRequest.field("email", "is not an e-mail address")
    if code in _WRONG:
        return wrong_credentials()
    if code == "TOO_MANY_ATTEMPTS_TRY_LATER":
        return too_many_attempts(RETRY_AFTER_S)
    log.error("Firebase Auth refused", extra={"method": method, "error": said})
    return Unavailable("signing in is not possible at the moment; please try again")


def wrong_credentials() -> Unauthenticated:
    return Unauthenticated("the e-mail address or the password is wrong", code="INVALID_CREDENTIALS")


def too_many_attempts(retry_after_s: int) -> RateLimited:
    return RateLimited(
        f"too many attempts; try again in {retry_after_s} s", code="TOO_MANY_ATTEMPTS", retry_after_s=retry_after_s
    )

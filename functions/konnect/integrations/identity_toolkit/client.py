"""Sign-in by address and password: Firebase Auth's REST API (accounts:signInWithPassword).

firebase_admin creates accounts, but can't sign anybody in: a password is checked here alone. Needs the project's Web
API key (FIREBASE_API_KEY), which is public; in the cloud one without a restriction to browsers' addresses.
"""

import logging
from dataclasses import dataclass

from konnect import spans
from konnect.config import Settings
from konnect.errors import KonnectError, RateLimited, Unauthenticated, Unavailable

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
    """The API, and the Auth emulator when FIREBASE_AUTH_EMULATOR_HOST names one. Raises Unavailable without a key."""

    def __init__(self, settings: Settings) -> None:
        host = settings.firebase_auth_emulator_host
        self._url = f"http://{host}/identitytoolkit.googleapis.com" if host else URL
        # The emulator wants a key, and takes any.
        self._key = settings.firebase_api_key or ("local" if host else "")
        if not self._key:
            log.error("FIREBASE_API_KEY is not set")
            raise Unavailable("signing in with a password is not set up here")

    @spans.calls("firebase-auth")
    def sign_in(self, email: str, password: str) -> SignedIn:
        """Raises Unauthenticated (INVALID_CREDENTIALS: unknown, wrong or disabled), RateLimited, Unavailable."""
        import requests

        try:
            response = requests.post(
                f"{self._url}/v1/accounts:signInWithPassword",
                params={"key": self._key},
                json={"email": email, "password": password, "returnSecureToken": True},
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
            log.warning("Firebase Auth not reached", extra={"error": type(error).__name__})
            raise Unavailable("signing in is not possible at the moment; please try again") from None
        raise refusal(said)


def refusal(said: str) -> KonnectError:
    """Our error for one of Firebase's: "CODE", or "CODE : words"."""
    code = said.partition(":")[0].strip()
    if code in _WRONG:
        return Unauthenticated("the e-mail address or the password is wrong", code="INVALID_CREDENTIALS")
    if code == "TOO_MANY_ATTEMPTS_TRY_LATER":
        return too_many_attempts(RETRY_AFTER_S)
    log.error("Firebase Auth refused", extra={"error": said})
    return Unavailable("signing in is not possible at the moment; please try again")


def too_many_attempts(retry_after_s: int) -> RateLimited:
    return RateLimited(
        f"too many attempts; try again in {retry_after_s} s", code="TOO_MANY_ATTEMPTS", retry_after_s=retry_after_s
    )

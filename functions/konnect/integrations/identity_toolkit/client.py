"""What a frontend's SDK does at Firebase Auth: its REST API (accounts:signInWithPassword, :resetPassword, :update, and
securetoken's v1/token).

firebase_admin creates accounts and makes the codes of mails, but can't sign anybody in, refresh a token or take such a
code back: that is done here alone. Needs the project's Web API key (FIREBASE_API_KEY), which is public; in the cloud
one without a restriction to browsers' addresses.
"""

import logging
from dataclasses import dataclass
from typing import Any, Literal

from konnect import spans
from konnect.config import Settings
from konnect.errors import BadRequest, KonnectError, RateLimited, Unauthenticated, Unavailable

log = logging.getLogger(__name__)

URL = "https://identitytoolkit.googleapis.com"
REFRESH_URL = "https://securetoken.googleapis.com"
TIMEOUT_S = 10.0
RETRY_AFTER_S = 300
"""Firebase names no time after too many attempts of its own counting."""
_WRONG = {"EMAIL_NOT_FOUND", "INVALID_PASSWORD", "INVALID_LOGIN_CREDENTIALS", "INVALID_EMAIL", "USER_DISABLED"}
"""One answer for them all: none may tell that an address is known. USER_DISABLED comes before the password is looked
at."""
_USED_UP = {
    "INVALID_OOB_CODE",
    "EXPIRED_OOB_CODE",
    "MISSING_OOB_CODE",
    "EMAIL_NOT_FOUND",
    "USER_NOT_FOUND",
    "USER_DISABLED",
}
_WEAK = {"WEAK_PASSWORD", "PASSWORD_DOES_NOT_MEET_REQUIREMENTS"}
_NO_REFRESH = {
    "TOKEN_EXPIRED",
    "INVALID_REFRESH_TOKEN",
    "MISSING_REFRESH_TOKEN",
    "INVALID_GRANT_TYPE",
    "USER_NOT_FOUND",
    "USER_DISABLED",
}
CodeKind = Literal["PASSWORD_RESET", "VERIFY_EMAIL"]


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
        self._refresh_url = f"http://{host}/securetoken.googleapis.com" if host else REFRESH_URL
        # The emulator wants a key, and takes any.
        self._key = settings.firebase_api_key or ("local" if host else "")
        if not self._key:
            log.error("FIREBASE_API_KEY is not set")
            raise Unavailable("signing in with a password is not set up here")

    def sign_in(self, email: str, password: str) -> SignedIn:
        """Raises Unauthenticated (INVALID_CREDENTIALS: unknown, wrong or disabled), RateLimited, Unavailable."""
        given = {"email": email, "password": password, "returnSecureToken": True}
        answer = self._post(f"{self._url}/v1/accounts:signInWithPassword", given, needs=("localId", "idToken"))
        return SignedIn(
            answer["localId"], answer["idToken"], answer["refreshToken"], int(answer.get("expiresIn", 3600))
        )

    def refresh(self, refresh_token: str) -> SignedIn:
        """The next ID token. Raises Unauthenticated (REFRESH_TOKEN_INVALID), RateLimited, Unavailable."""
        given = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = self._post(f"{self._refresh_url}/v1/token", given, needs=("user_id", "id_token"))
        return SignedIn(
            answer["user_id"], answer["id_token"], answer["refresh_token"], int(answer.get("expires_in", 3600))
        )

    def check_code(self, code: str, kind: CodeKind) -> str:
        """The address that a mail's code is for; the code stays good. Raises BadRequest (TOKEN_INVALID), RateLimited,
        Unavailable."""
        answer = self._post(f"{self._url}/v1/accounts:resetPassword", {"oobCode": code}, needs=("requestType",))
        if answer["requestType"] != kind:
            raise bad_code()
        return str(answer["email"])

    def reset_password(self, code: str, password: str) -> None:
        """Use up a code of PASSWORD_RESET. Raises BadRequest (TOKEN_INVALID, WEAK_PASSWORD), RateLimited,
        Unavailable."""
        given = {"oobCode": code, "newPassword": password}
        self._post(f"{self._url}/v1/accounts:resetPassword", given, needs=("email",))

    def verify_email(self, code: str) -> tuple[str, str]:
        """Use up a code of VERIFY_EMAIL; returns uid and address. Raises BadRequest (TOKEN_INVALID), RateLimited,
        Unavailable."""
        answer = self._post(f"{self._url}/v1/accounts:update", {"oobCode": code}, needs=("localId", "email"))
        return str(answer["localId"]), str(answer["email"])

    @spans.calls("firebase-auth")
    def _post(self, url: str, given: dict[str, Any], *, needs: tuple[str, ...]) -> dict[str, Any]:
        """The answer, which has what it `needs`. Raises as `refusal` says, and Unavailable."""
        import requests

        try:
            # The token service is OAuth's, which takes forms.
            sent: dict[str, Any] = {"data" if url.startswith(self._refresh_url) else "json": given}
            response = requests.post(url, params={"key": self._key}, timeout=TIMEOUT_S, **sent)
            answer: dict[str, Any] = response.json()
            if response.ok:
                for name in needs:
                    answer[name]
                return answer
            said = str(answer["error"]["message"])
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            # Its text may show the URL, and so the key.
            log.warning("Firebase Auth not reached", extra={"error": type(error).__name__})
            raise Unavailable("signing in is not possible at the moment; please try again") from None
        raise refusal(said, about=url.rpartition("/")[2])


def refusal(said: str, *, about: str = "accounts:signInWithPassword") -> KonnectError:
    """Our error for one of Firebase's, "CODE" or "CODE : words", that answers the method `about`."""
    code = said.partition(":")[0].strip()
    if about == "token" and code in _NO_REFRESH:
        return Unauthenticated("please sign in again", code="REFRESH_TOKEN_INVALID")
    if about in {"accounts:resetPassword", "accounts:update"}:
        if code in _USED_UP:
            return bad_code()
        if code in _WEAK:
            return BadRequest.field("password", "is too weak", code="WEAK_PASSWORD")
    elif code in _WRONG:
        return Unauthenticated("the e-mail address or the password is wrong", code="INVALID_CREDENTIALS")
    if code == "TOO_MANY_ATTEMPTS_TRY_LATER":
        return too_many_attempts(RETRY_AFTER_S)
    log.error("Firebase Auth refused", extra={"error": said})
    return Unavailable("signing in is not possible at the moment; please try again")


def bad_code() -> BadRequest:
    """One answer for a code that never was, was used, or is too old."""
    return BadRequest.field("token", "is not valid (any more): ask for another mail", code="TOKEN_INVALID")


def too_many_attempts(retry_after_s: int) -> RateLimited:
    return RateLimited(
        f"too many attempts; try again in {retry_after_s} s", code="TOO_MANY_ATTEMPTS", retry_after_s=retry_after_s
    )

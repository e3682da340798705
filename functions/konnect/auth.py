"""Who is calling: Firebase ID tokens and session cookies (HTTP and sockets alike), and the OIDC tokens of Cloud Tasks.

A session cookie is what `/auth/login` gives as `token`: it lasts a week and can't be refreshed, so what an ID token
learns at its refresh is looked up for it: the role in the profile, the account at Firebase once an hour, also whether
an admin still is one.

PyJWT verifies them all, against the issuers' published keys: firebase_admin costs 60 ms more of a cold start, and with
an emulator it does not even look at the expiry. It is used where it alone can do the work: to change accounts.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from . import ids, text, tokens
from .config import GOOGLE_ISSUER, Settings, settings
from .errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from .context import Context
    from .store import Database

log = logging.getLogger(__name__)
T = TypeVar("T")

FIREBASE_ISSUER = "https://securetoken.google.com/"
FIREBASE_CERTS_URL = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
COOKIE_ISSUER = "https://session.firebase.google.com/"
COOKIE_CERTS_URL = "https://identitytoolkit.googleapis.com/v1/sessionCookiePublicKeys"
"""The keys of https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys, as a key set."""
COOKIE_LIFE = timedelta(days=7)
COOKIE_CHECK_S = 3600.0
"""How long a cookie goes without a look at its account: an ID token is refreshed as often."""
DEFAULT_ROLE = "user"
ACCOUNT_CACHE_S = 10.0
ACCOUNT_CACHE_SIZE = 10_000


@dataclass(frozen=True)
class Claims:
    """What a valid ID token or session cookie says. `auth_time` is when its holder signed in (a refresh does not change
    it), `issued_at` when the token was made, in whole seconds."""

    uid: str
    email: str | None
    email_verified: bool
    name: str | None
    role: str
    auth_time: datetime
    issued_at: datetime
    expires_at: datetime
    by_cookie: bool = False


@dataclass(frozen=True)
class Principal:
    """The caller of one request or socket: the token's claims, and the account's document behind them."""

    uid: str
    email: str | None
    email_verified: bool
    name: str | None
    role: str
    expires_at: datetime
    disabled: bool = False
    auth_time: datetime | None = None
    issued_at: datetime | None = None
    by_cookie: bool = False


@dataclass(frozen=True)
class Account:
    """What authentication reads of users/{uid}; a user who has just signed up has no document yet."""

    name: str | None = None
    disabled: bool = False
    tokens_valid_after: datetime | None = None
    cookies_valid_after: datetime | None = None
    role: str = DEFAULT_ROLE
    claims_changed_at: datetime | None = None


@dataclass(frozen=True)
class AtFirebase:
    """What Firebase itself says of an account that is open. `valid_after`: since when sign-ins are."""

    valid_after: datetime
    role: str


def verify_token(
    token: str,
    *,
    using: Settings | None = None,
    certs_url: str = FIREBASE_CERTS_URL,
    cookie_certs_url: str = COOKIE_CERTS_URL,
) -> Claims:
    """The claims of a Firebase ID token or session cookie of this project.

    With FIREBASE_AUTH_EMULATOR_HOST the emulator's unsigned tokens are accepted, and no others. Raises Unauthenticated,
    or Unavailable when the issuer's keys can't be fetched.
    """
    current = using or settings()
    project = current.google_cloud_project
    by_cookie = tokens.issuer(token).startswith(COOKIE_ISSUER)
    published = cookie_certs_url if by_cookie else certs_url
    payload = tokens.decode(
        token,
        certs_url=None if current.firebase_auth_emulator_host else published,
        audience=project,
        issuers=[(COOKIE_ISSUER if by_cookie else FIREBASE_ISSUER) + project],
    )
    uid = payload["sub"]
    # The uid becomes part of document paths and room names.
    if not ids.valid(uid):
        raise Unauthenticated("the token's subject is not a user id")
    return Claims(
        uid=uid,
        email=_text(payload.get("email")),
        email_verified=payload.get("email_verified") is True,
        name=_name(payload.get("name")),
        role=_role(payload.get("role")),
        auth_time=_moment(payload.get("auth_time", payload["iat"])),
        issued_at=_moment(payload["iat"]),
        expires_at=_moment(payload["exp"]),
        by_cookie=by_cookie,
    )


def authenticate(ctx: "Context", token: str) -> Principal:
    """The caller behind an ID token or a session cookie; the account's document may be 10 s old, so it must not decide
    over money.

    Raises Unauthenticated (TOKEN_REVOKED when the sign-in is older than the account's tokensValidAfter),
    Forbidden (ACCOUNT_DISABLED), Unavailable.
    """
    claims = verify_token(token, using=ctx.settings)
    account = _accounts.get(
        ctx.db.project, claims.uid, partial(_read_account, ctx.db, claims.uid), for_s=ACCOUNT_CACHE_S
    )
    if account.disabled:
        raise Forbidden("this account is disabled", code="ACCOUNT_DISABLED")
    # auth_time has whole seconds, so a sign-in within the second of a revocation has to be repeated.
    if account.tokens_valid_after is not None and claims.auth_time < account.tokens_valid_after:
        raise _revoked()
    role = claims.role
    if claims.by_cookie:
        role = _role_now(claims, account, _check_cookie(ctx, claims, account))
    return Principal(
        uid=claims.uid,
        email=claims.email,
        email_verified=claims.email_verified,
        name=account.name or claims.name,
        role=role,
        expires_at=claims.expires_at,
        auth_time=claims.auth_time,
        issued_at=claims.issued_at,
        by_cookie=claims.by_cookie,
    )


def bearer(authorization: str | None) -> str:
    """The token of an Authorization header. Raises Unauthenticated."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    if not scheme:
        raise Unauthenticated("an Authorization header with a Bearer token is required")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the Authorization header must be: Bearer <token>")
    return token.strip()


def verify_task_token(using: Settings, authorization: str | None) -> None:
    """Check that Cloud Tasks made this request, with our service account. Raises Unauthenticated, Unavailable."""
    issuers = [using.oidc_issuer]
    if using.oidc_issuer == GOOGLE_ISSUER:
        issuers.append("accounts.google.com")
    payload = tokens.decode(
        bearer(authorization), certs_url=using.oidc_certs_url, audience=using.tasks_url, issuers=issuers
    )
    if payload.get("email") != using.tasks_service_account or payload.get("email_verified") is not True:
        raise Unauthenticated("the token belongs to another service account")


def set_role(uid: str, role: str, *, using: Settings | None = None) -> None:
    """Set the custom claim `role`, keeping the others; tokens have it from their next refresh on.

    Raises NotFound, Unavailable.
    """
    from firebase_admin import auth

    app = _admin_app((using or settings()).google_cloud_project)
    with _account_errors():
        claims = auth.get_user(uid, app=app).custom_claims or {}
        auth.set_custom_user_claims(uid, {**claims, "role": role}, app=app)


def set_disabled(uid: str, disabled: bool, *, using: Settings | None = None) -> None:
    """Let the account sign in no more, or again. Raises NotFound, Unavailable."""
    from firebase_admin import auth

    with _account_errors():
        auth.update_user(uid, disabled=disabled, app=_admin_app((using or settings()).google_cloud_project))
    forget(uid)


def create_account(email: str, password: str, name: str, *, using: Settings | None = None) -> str:
    """A new account's uid; its address is unverified. Raises Conflict (EMAIL_TAKEN), BadRequest (email; WEAK_PASSWORD),
    Unavailable.
    """
    from firebase_admin import auth, exceptions

    app = _admin_app((using or settings()).google_cloud_project)
    with _account_errors():
        try:
            user = auth.create_user(email=email, password=password, display_name=name, app=app)
        except auth.EmailAlreadyExistsError as error:
            raise Conflict(
                "there is an account with this e-mail address already; please sign in", code="EMAIL_TAKEN"
            ) from error
        except (ValueError, exceptions.InvalidArgumentError) as error:
            # Its own checks and Firebase's alike name what is wrong only in words.
            if "email" in str(error).lower():
                raise BadRequest.field("email", "is not accepted") from error
            raise BadRequest.field("password", "is too weak", code="WEAK_PASSWORD") from error
    uid: str = user.uid
    return uid


def change_sign_in(
    uid: str, *, email: str | None = None, password: str | None = None, using: Settings | None = None
) -> None:
    """Change the address (unverified again) or the password an account signs in with; its other sign-ins end.

    Raises Conflict (EMAIL_TAKEN), BadRequest for what Auth refuses, NotFound, Unavailable.
    """
    from firebase_admin import auth, exceptions

    changes: dict[str, Any] = {}
    if email is not None:
        changes |= {"email": email, "email_verified": False}
    if password is not None:
        changes["password"] = password
    app = _admin_app((using or settings()).google_cloud_project)
    with _account_errors():
        try:
            auth.update_user(uid, app=app, **changes)
        except auth.EmailAlreadyExistsError as error:
            raise Conflict("another account has this e-mail address", code="EMAIL_TAKEN") from error
        except (ValueError, exceptions.InvalidArgumentError) as error:
            raise BadRequest.field("email" if email is not None else "password", "is not accepted") from error


def mail_code(kind: Literal["reset", "verification"], email: str, *, using: Settings | None = None) -> str | None:
    """A code to mail to `email`, good once and for an hour (a reset) or some days; None without such an account, or for
    a disabled one. Raises Unavailable."""
    from firebase_admin import auth

    app = _admin_app((using or settings()).google_cloud_project)
    make = auth.generate_password_reset_link if kind == "reset" else auth.generate_email_verification_link
    with _account_errors():
        try:
            if auth.get_user_by_email(email, app=app).disabled:
                return None
            link: str = make(email, app=app)
        except (auth.UserNotFoundError, auth.EmailNotFoundError, ValueError):
            return None
    # Firebase's page is not ours: of its link only the code is taken.
    return parse_qs(urlsplit(link).query)["oobCode"][0]


def account_of(email: str, *, using: Settings | None = None) -> tuple[str, bool]:
    """The uid behind an address, and whether the address is verified. Raises NotFound, Unavailable."""
    from firebase_admin import auth

    with _account_errors():
        user = auth.get_user_by_email(email, app=_admin_app((using or settings()).google_cloud_project))
    return user.uid, bool(user.email_verified)


def delete_account(uid: str, *, using: Settings | None = None) -> None:
    """Delete the account itself; nobody signs in as `uid` any more. A repeat does nothing. Raises Unavailable."""
    from firebase_admin import auth

    with _account_errors(), suppress(auth.UserNotFoundError):
        auth.delete_user(uid, app=_admin_app((using or settings()).google_cloud_project))
    forget(uid)


def revoke(uid: str, *, using: Settings | None = None) -> datetime:
    """End every sign-in of `uid`: no refresh any more. Returns the moment to write to users/{uid} as
    tokensValidAfter, which ends the ID tokens already out. Raises NotFound, Unavailable.
    """
    from firebase_admin import auth

    with _account_errors():
        auth.revoke_refresh_tokens(uid, app=_admin_app((using or settings()).google_cloud_project))
    forget(uid)
    return datetime.now(UTC)


def session_cookie(id_token: str, *, using: Settings | None = None) -> str:
    """A session cookie of COOKIE_LIFE for who has just signed in with `id_token`. Raises Unavailable."""
    from firebase_admin import auth

    app = _admin_app((using or settings()).google_cloud_project)
    with _account_errors():
        cookie: str = auth.create_session_cookie(id_token, expires_in=COOKIE_LIFE, app=app)
    return cookie


def forget(uid: str) -> None:
    """Drop what this instance remembers of an account, after its document was changed here."""
    _accounts.forget(uid)
    _at_firebase.forget(uid)


def _revoked() -> Unauthenticated:
    return Unauthenticated("the token has been revoked; please sign in again", code="TOKEN_REVOKED")


def _check_cookie(ctx: "Context", claims: Claims, account: Account) -> AtFirebase | None:
    """Refuse a cookie of before a change of password or address, here or at Firebase itself (a reset by mail). Returns
    what Firebase says, of a cookie that is old enough to be looked up."""
    if account.cookies_valid_after is not None and claims.auth_time < account.cookies_valid_after:
        raise _revoked()
    if datetime.now(UTC) - claims.auth_time <= timedelta(seconds=COOKIE_CHECK_S):
        return None
    project = ctx.settings.google_cloud_project
    found = _at_firebase.get(project, claims.uid, partial(_look_up, project, claims.uid), for_s=COOKIE_CHECK_S)
    if found is None or claims.auth_time < found.valid_after:
        raise _revoked()
    return found


def _role_now(claims: Claims, account: Account, found: AtFirebase | None) -> str:
    """The role of a cookie's holder: its claim, or the profile's since the claims were changed after the sign-in.
    Only a claim makes an admin: who becomes one signs in again, and who is one no longer by Firebase's console, of
    which the profile knows nothing, is found out by the look-up."""
    if claims.role == "admin" and found is not None and found.role != "admin":
        return found.role
    if account.claims_changed_at is None or claims.auth_time > account.claims_changed_at or account.role == "admin":
        return claims.role
    return account.role


class _Remembered(Generic[T]):
    """What was read of accounts lately, by project and uid."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, T]] = {}

    def get(self, project: str, uid: str, read: Callable[[], T], *, for_s: float) -> T:
        """What is not older than `for_s`, else what `read` returns now."""
        key = (project, uid)
        with self._lock:
            known = self._known.get(key)
        if known is not None and time.monotonic() - known[0] < for_s:
            return known[1]
        found = read()
        with self._lock:
            self._known.pop(key, None)
            if len(self._known) >= ACCOUNT_CACHE_SIZE:
                # Insertion order is the order of reading: the first is the oldest.
                del self._known[next(iter(self._known))]
            self._known[key] = (time.monotonic(), found)
        return found

    def forget(self, uid: str) -> None:
        with self._lock:
            for key in [key for key in self._known if key[1] == uid]:
                del self._known[key]


_accounts: _Remembered[Account] = _Remembered()
_at_firebase: _Remembered[AtFirebase | None] = _Remembered()


def _look_up(project: str, uid: str) -> AtFirebase | None:
    """None: the account is closed. Raises Unavailable."""
    from firebase_admin import auth

    try:
        with _account_errors():
            user = auth.get_user(uid, app=_admin_app(project))
    except NotFound:
        return None
    if user.disabled:
        return None
    role = _role((user.custom_claims or {}).get("role"))
    return AtFirebase(datetime.fromtimestamp(user.tokens_valid_after_timestamp / 1000, UTC), role)


def _read_account(db: "Database", uid: str) -> Account:
    from google.api_core.exceptions import GoogleAPICallError, RetryError

    try:
        doc = db.get("users", uid) or {}
    except (GoogleAPICallError, RetryError) as error:
        log.warning("account not read", extra={"uid": uid, "error": str(error)})
        raise Unavailable from error
    return Account(
        name=_name(doc.get("name")),
        disabled=doc.get("disabled") is True,
        tokens_valid_after=doc.get("tokensValidAfter"),
        cookies_valid_after=doc.get("cookiesValidAfter"),
        role=doc.get("role") or DEFAULT_ROLE,
        claims_changed_at=doc.get("claimsChangedAt"),
    )


def _admin_app(project: str) -> Any:
    import firebase_admin

    name = f"konnect-{project}"
    try:
        return firebase_admin.get_app(name)
    except ValueError:
        try:
            return firebase_admin.initialize_app(options={"projectId": project}, name=name)
        except ValueError:
            # Another thread was first.
            return firebase_admin.get_app(name)


@contextmanager
def _account_errors() -> Iterator[None]:
    """firebase_admin's errors as ours."""
    from firebase_admin import auth, exceptions

    try:
        yield
    except auth.UserNotFoundError as error:
        raise NotFound("there is no such user") from error
    except exceptions.FirebaseError as error:
        log.warning("account not changed", extra={"error": str(error)})
        raise Unavailable("the account can't be changed at the moment; please try again") from error


def _role(claim: object) -> str:
    return _text(claim) or DEFAULT_ROLE


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: object) -> str | None:
    """What others will see: it comes from Firebase's account, which takes anything."""
    with suppress(ValueError):
        return text.visible_line(value) if isinstance(value, str) else None
    return None


def _moment(seconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Unauthenticated("the token is missing or malformed") from error

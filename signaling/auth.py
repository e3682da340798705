"""Who connects: the Firebase ID token of the handshake, and what becomes of it while the connection lives.

A socket may outlive its token, which lasts an hour. It is closed EXPIRY_GRACE_S after the expiry, unless the client has
brought a fresh token with `register`; the stock client then connects again with the token of that moment. Whether the
account is still welcome is looked up again when the socket is used, RECHECK_S apart. A session cookie lasts a week: who
came by one and only listens is looked up as well, LISTENING_S apart.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from pydantic import ConfigDict, ValidationError

from konnect import auth, clock
from konnect.auth import Principal
from konnect.context import Context
from konnect.errors import Forbidden, Unauthenticated, Unavailable

from .bucket import Bucket
from .resync import ReplayRequest

log = logging.getLogger(__name__)

EXPIRY_GRACE_S = 300.0
RECHECK_S = 60.0
LISTENING_S = 600.0
HINTS_PER_S = 10


class Handshake(ReplayRequest):
    """`auth` of the handshake: the token, and what to replay before anything live."""

    model_config = ConfigDict(strict=True)

    token: str | None = None


@dataclass
class Connection:
    """One admitted socket. `checked_at` is on the monotonic clock."""

    sid: str
    eio_sid: str
    principal: Principal
    token: str
    as_expert: bool = False
    checked_at: float = field(default_factory=time.monotonic)
    hints: Bucket = field(default_factory=lambda: Bucket(HINTS_PER_S))
    """For what a client may send at every key and every scroll."""
    rooms: set[str] = field(default_factory=set)
    """Of live things that it is in (konnect.presence.enter), to be written down again."""

    @property
    def uid(self) -> str:
        return self.principal.uid

    def renew(self, other: "Connection") -> None:
        """Take over another connection's token if it lasts longer."""
        if other.principal.expires_at > self.principal.expires_at:
            self.principal, self.token = other.principal, other.token

    @property
    def is_stale(self) -> bool:
        return time.monotonic() - self.checked_at > RECHECK_S

    @property
    def is_unseen(self) -> bool:
        """By a cookie, and not looked up for long."""
        return self.principal.by_cookie and time.monotonic() - self.checked_at > LISTENING_S

    @property
    def is_expired(self) -> bool:
        return clock.now() > self.principal.expires_at

    @property
    def is_over(self) -> bool:
        """Expired, and the grace has passed."""
        return clock.now() > clock.after(self.principal.expires_at, EXPIRY_GRACE_S)


def parse_handshake(given: Any) -> Handshake:
    """Raises Unauthenticated for anything that is not an object of strings."""
    try:
        return Handshake.model_validate(given if isinstance(given, dict) else {})
    except ValidationError as error:
        raise Unauthenticated("auth must be an object: {token: <Firebase ID token>}") from error


def find_token(handshake: Handshake, environ: dict[str, Any]) -> str:
    """From `auth.token`, the Authorization header or the query's `token`. Raises Unauthenticated."""
    if handshake.token:
        return handshake.token
    header: str | None = environ.get("HTTP_AUTHORIZATION")
    if header:
        return auth.bearer(header)
    token: str = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
    if not token:
        raise Unauthenticated("the handshake needs auth: {token: <Firebase ID token>}")
    return token


def renewed(ctx: Context, connection: Connection, token: str) -> Principal:
    """The principal of a fresh token for a connection. Raises what authentication does, Forbidden for another user."""
    principal = auth.authenticate(ctx, token)
    if principal.uid != connection.uid:
        raise Forbidden("the token is another user's")
    return principal


async def is_welcome(ctx: Context, call: Callable[..., Any], connection: Connection) -> bool:
    """Look once more whether the account is, for who does not use the socket."""
    try:
        await recheck(ctx, call, connection)
    except (Forbidden, Unauthenticated):
        return False
    return True


async def recheck(ctx: Context, call: Callable[..., Any], connection: Connection) -> None:
    """Look once more whether the account is welcome. Raises Unauthenticated (revoked), Forbidden (disabled)."""
    connection.checked_at = time.monotonic()
    if connection.is_expired:
        return
    try:
        connection.principal = await call(auth.authenticate, ctx, connection.token)
    except Unavailable:
        log.info("account not rechecked", extra={"uid": connection.uid})

"""The ICE servers of a call: STUN, and TURN with credentials that expire, by coturn's REST scheme.

coturn, run with `use-auth-secret` and the same secret, needs no accounts: the user name is "{expiry}:{uid}", its expiry
in Unix seconds, and the password the base64 of HMAC-SHA1 over the user name (draft-uberti-behave-turn-rest).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from konnect.config import Settings


@dataclass(frozen=True)
class Credential:
    """What a TURN server lets its holder in with, until `expires_at`."""

    username: str
    credential: str


@dataclass(frozen=True)
class IceServers:
    """`turn` is None where no TURN server, or no secret of one, is configured. `ttl_s` counts from the request on."""

    stun_urls: list[str]
    turn_urls: list[str]
    turn: Credential | None
    ttl_s: int
    expires_at: datetime


def servers(settings: Settings, uid: str, *, now: datetime) -> IceServers:
    """What `uid` may use from `now` on."""
    # A whole second, as the user name says it.
    expires_at = now.replace(microsecond=0) + timedelta(seconds=settings.turn_ttl_s)
    turn = None
    if settings.turn_url_list and settings.turn_secret:
        turn = credential(settings.turn_secret, uid, expires_at)
    return IceServers(settings.stun_url_list, settings.turn_url_list, turn, settings.turn_ttl_s, expires_at)


def credential(secret: str, uid: str, expires_at: datetime) -> Credential:
    """coturn's time-limited credential. Pure."""
    username = f"{int(expires_at.timestamp())}:{uid}"
    # SHA-1 is the scheme's; as a MAC it still holds.
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return Credential(username, base64.b64encode(mac).decode())

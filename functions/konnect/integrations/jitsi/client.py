"""Rooms of Jitsi Meet, and the tokens that open them; nothing here asks the server anything.

Three kinds of server: a public one, whose rooms are open to whoever knows their name (meet.jit.si); one's own with
Prosody's token authentication (lib-jitsi-meet, doc/tokens.md: HS256 by a shared secret); 8x8's JaaS
(developer.8x8.com/jaas/docs/api-keys-jwt: RS256, rooms below the AppID).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from konnect.config import Settings

AUDIENCE = "jitsi"
"""In both kinds of token."""
_JAAS_ISSUER = "chat"
_FEATURES = ("livestreaming", "transcription", "sip-inbound-call", "sip-outbound-call", "inbound-call", "outbound-call")


@dataclass(frozen=True)
class Guest:
    """Who comes, as the others see it: no address, which is nobody else's business. `may_record` opens the recording
    to who is a moderator."""

    id: str
    name: str
    avatar_url: str | None
    is_moderator: bool
    may_record: bool


@dataclass(frozen=True)
class Entry:
    """A guest's way in. `room_name` and `domain` are what Jitsi's IFrame API is opened with, `url` opens the call by
    itself; without token authentication, `token` is None."""

    url: str
    domain: str
    room_name: str
    token: str | None


class Jitsi:
    def __init__(self, settings: Settings) -> None:
        self._url = settings.jitsi_url.rstrip("/")
        self._app_id = settings.jitsi_app_id
        self._secret = settings.jitsi_app_secret
        # A secret store's environment variable may hold one line.
        self._private_key = settings.jitsi_private_key.replace("\\n", "\n")
        self._key_id = settings.jitsi_key_id

    @property
    def domain(self) -> str:
        return urlsplit(self._url).netloc

    def entry(self, room: str, guest: Guest, *, opens_at: datetime, closes_at: datetime) -> Entry:
        """The way into `room` (lower case: Jitsi compares rooms so), from `opens_at` until `closes_at`. Who is in by
        then is not put out: no token does that."""
        token = self._token(room, guest, opens_at, closes_at)
        name = f"{self._app_id}/{room}" if self._private_key else room
        query = f"?jwt={token}" if token else ""
        return Entry(f"{self._url}/{quote(name)}{query}", self.domain, name, token)

    def _token(self, room: str, guest: Guest, opens_at: datetime, closes_at: datetime) -> str | None:
        if not (self._secret or self._private_key):
            return None
        import jwt

        is_jaas = bool(self._private_key)
        claims = {
            "aud": AUDIENCE,
            "iss": _JAAS_ISSUER if is_jaas else self._app_id,
            # JaaS: the tenant is the AppID; Prosody: the domain, in lower case and without a port.
            "sub": self._app_id if is_jaas else urlsplit(self._url).hostname,
            "room": room,
            "nbf": int(opens_at.timestamp()),
            "exp": int(closes_at.timestamp()),
            "context": {"user": _user(guest), "features": _features(guest)},
        }
        if is_jaas:
            return jwt.encode(claims, self._private_key, algorithm="RS256", headers={"kid": self._key_id})
        return jwt.encode(claims, self._secret, algorithm="HS256")


def _user(guest: Guest) -> dict[str, Any]:
    """All strings, and none empty: Prosody's modules raise for other types and for null."""
    user = {"id": guest.id, "name": guest.name, "moderator": _flag(guest.is_moderator)}
    # As mod_token_affiliation has read it longest.
    user["affiliation"] = "owner" if guest.is_moderator else "member"
    return user | ({"avatar": guest.avatar_url} if guest.avatar_url else {})


def _features(guest: Guest) -> dict[str, str]:
    return {"recording": _flag(guest.may_record and guest.is_moderator), **dict.fromkeys(_FEATURES, "false")}


def _flag(value: bool) -> str:
    return "true" if value else "false"

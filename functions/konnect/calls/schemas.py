"""Wire models of calls."""

from datetime import datetime

from pydantic import Field

from konnect.http.schemas import Schema


class StunServer(Schema):
    urls: list[str]


class TurnServer(Schema):
    urls: list[str]
    username: str
    credential: str


class IceServers(Schema):
    """For `new RTCPeerConnection({iceServers})`, as it is. A call that begins after `expiresAt` needs others."""

    ice_servers: list[TurnServer | StunServer]
    ttl: int = Field(description="Seconds for which the TURN credentials hold.", examples=[3600])
    expires_at: datetime

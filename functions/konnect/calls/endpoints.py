"""GET /api/calls/ice-servers."""

from konnect.http.routing import Call, Router

from . import ice
from .schemas import IceServers, StunServer, TurnServer

router = Router("Calls")


@router.get("/api/calls/ice-servers", response=IceServers, summary="STUN and TURN servers")
def ice_servers(call: Call) -> IceServers:
    """For a call's RTCPeerConnection. The TURN credentials are the caller's own, and expire."""
    found = ice.servers(call.ctx.settings, call.user.uid, now=call.now)
    servers: list[TurnServer | StunServer] = []
    if found.stun_urls:
        servers.append(StunServer(urls=found.stun_urls))
    if found.turn is not None:
        servers.append(TurnServer(urls=found.turn_urls, username=found.turn.username, credential=found.turn.credential))
    return IceServers(ice_servers=servers, ttl=found.ttl_s, expires_at=found.expires_at)

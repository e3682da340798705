"""Rate limits at the edge: who the caller is, the headers that tell where a caller stands, and 429."""

import ipaddress
from typing import TYPE_CHECKING

from flask import Request

from konnect.errors import RateLimited
from konnect.limits import Limit, Name

if TYPE_CHECKING:
    from .routing import Call


def take(call: "Call", name: Name, uid: str | None) -> None:
    """Count the request for the user, or without one for the address it came from. Raises RateLimited."""
    limiter = call.ctx.limiter
    limit = limiter.limits[name]
    call.response_headers["RateLimit-Policy"] = limit.policy
    if name == "messages":
        # Counted where messages are stored, with those that came by socket.
        return
    caller = f"user:{uid}" if uid is not None else f"address:{address(call.request, call.ctx.settings.trusted_proxies)}"
    standing = limiter.take(name, caller, call.now)
    call.response_headers |= headers(limit, standing.remaining, standing.reset_s)
    if standing.refused:
        raise RateLimited(f"too many requests; go on in {standing.reset_s} s", retry_after_s=standing.reset_s)


def headers(limit: Limit, remaining: int, reset_s: int) -> dict[str, str]:
    """The draft's newest form, and the one of its sixth revision, which express-rate-limit made known."""
    return {
        "RateLimit-Policy": limit.policy,
        "RateLimit": f'"{limit.name}";r={remaining};t={reset_s}',
        "RateLimit-Limit": str(limit.requests),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(reset_s),
    }


def address(request: Request, trusted_proxies: int) -> str:
    """Where the request came from, as the outermost proxy of ours saw it; an IPv6 customer's whole network is one.

    Each proxy appends to X-Forwarded-For what it was called from, and Google's load balancer itself as well:
    "…, client, load balancer". Only the last entries are ours, `trusted_proxies` of them behind the client's; what
    stands before it is what the client has sent.
    """
    entries = [entry.strip() for entry in ",".join(request.headers.getlist("X-Forwarded-For")).split(",")]
    entries = [entry for entry in entries if entry] or [request.remote_addr or ""]
    given = entries[-min(trusted_proxies + 1, len(entries))]
    try:
        found = ipaddress.ip_address(given.strip("[]"))
    except ValueError:
        return "unknown"
    if found.version == 6 and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))

"""Where calls are while Jitsi is down: the configured service's rooms (`callFallbackUrl`)."""

from urllib.parse import quote, urlsplit

from konnect.integrations.jitsi.client import Entry
from konnect.platform import PlatformConfig


def entry(config: PlatformConfig, room: str, *, about: str, host_id: str) -> Entry:
    """The way into a room, without a token. `about`: the id of what the call is of, in the place of {bookingId};
    `host_id`: of {mentorId}."""
    names = {"roomName": room, "bookingId": about, "mentorId": host_id}
    url = config.callFallbackUrl
    for name, value in names.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return Entry(url, urlsplit(url).netloc, room, None)

"""The room of a class's call, and the way in of each who takes part."""

import math
from datetime import datetime
from typing import Any

from konnect import ids
from konnect.calls import fallback
from konnect.config import Settings
from konnect.integrations.jitsi.client import Guest, Jitsi
from konnect.platform import PlatformConfig
from konnect.sessions.metering import Pace
from konnect.store import Tx

from . import policy, repository
from .attendance import Joined

_SECRET_SIZE = 24


def name() -> str:
    """Of a room, which nobody guesses; in lower case, by which Jitsi compares them."""
    return f"live-{ids.crockford(_SECRET_SIZE).lower()}"


def way_in(
    tx: Tx, joined: Joined, uid: str, *, settings: Settings, config: PlatformConfig, now: datetime
) -> dict[str, Any]:
    """As LivePlace has it: the way in once it is open, until then how long it is."""
    session, pace = joined.session, Pace.of(settings)
    closes_at = policy.reserved_until(session["endsAt"], pace)
    answer: dict[str, Any] = {
        "session": session,
        "state": joined.state,
        "role": "host" if joined.is_host else "learner",
        "provider": config.callProvider,
        "opensAt": joined.opens_at,
        "closesAt": closes_at,
        "secondsLeft": 0,
        **dict.fromkeys(("url", "token", "roomName", "domain")),
    }
    if joined.state == "registered" or joined.participant is None:
        # Rounded up: who comes back then finds it open.
        return {**answer, "secondsLeft": max(0, math.ceil((joined.opens_at - now).total_seconds()))}
    room = (tx.get(*repository.call_path(session["id"])) or {})["room"]
    if config.callProvider == "jitsi":
        guest = Guest(
            id=uid,
            name=joined.participant["name"],
            avatar_url=session["host"]["imageUrl"] if joined.is_host else None,
            is_moderator=joined.is_host,
            may_record=joined.is_host,
        )
        begins = min(now, joined.opens_at)
        entry = Jitsi(settings).entry(room, guest, opens_at=begins, closes_at=closes_at)
    else:
        entry = fallback.entry(config, room, about=session["id"], host_id=session["host"]["id"])
    return {
        **answer,
        "url": entry.url,
        "token": entry.token,
        "roomName": entry.room_name,
        "domain": entry.domain,
    }

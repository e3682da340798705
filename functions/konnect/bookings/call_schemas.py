"""Wire models of a booking's call."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import Schema


class MeetingLink(Schema):
    """The caller's way into the call. While it is `waiting`, `url`, `token`, `roomName` and `domain` are null: ask
    again after `secondsLeft`."""

    status: Literal["waiting", "open"]
    provider: Literal["jitsi", "fallback"] = Field(
        description="`fallback`: another service, while Jitsi is down; its link opens in a window of its own."
    )
    role: Literal["moderator", "participant"] = Field(description="The mentor is the moderator.")
    url: str | None = Field(
        description="Opens the call by itself, for the caller alone.",
        examples=["https://meet.jit.si/graphora-grp-20260601-7kx-0v9d3mq8w2hfa6rt"],
    )
    token: str | None = Field(description="For Jitsi's IFrame API, `jwt`; null where rooms need none.")
    room_name: str | None = Field(description="For Jitsi's IFrame API, `roomName`.")
    domain: str | None = Field(description="For Jitsi's IFrame API, its first argument.", examples=["meet.jit.si"])
    opens_at: datetime = Field(description="Ten minutes before the beginning.")
    closes_at: datetime = Field(description="Five minutes after the end.")
    scheduled_at: datetime
    ends_at: datetime
    seconds_left: int = Field(description="Until it opens; 0 once it has.")


class RecordingItem(Schema):
    url: str = Field(description="To be fetched until `expiresAt`.")
    recorded_at: datetime
    duration_seconds: int | None
    content_type: str
    size: int = Field(description="Bytes.")
    available_until: datetime = Field(description="It is deleted then.")


class RecordingLinks(Schema):
    """`url` is the first one's; a call that was recorded in several goes has more."""

    url: str
    expires_at: datetime = Field(description="Of the URLs; ask again for new ones.")
    items: list[RecordingItem]

"""Wire models of notifications (PRD 8.5's names)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from konnect.http.schemas import NumberedQuery, Schema

from .types import Channel


class Notification(Schema):
    id: str
    type: str = Field(description="See the preferences for all of them.", examples=["booking_confirmed"])
    title: str
    message: str
    data: dict[str, Any] = Field(description="For programs: the ids of what it is about.")
    is_read: bool
    read_at: datetime | None
    action_url: str | None = Field(description="A path of the frontend.", examples=["/messages"])
    created_at: datetime


class NotificationQuery(NumberedQuery):
    unread: bool | None = Field(default=None, description="true: those not read yet; false: those read.")


class UnreadCount(Schema):
    count: int


class Marked(Schema):
    marked: int = Field(description="How many were unread until now.")


class Preference(Schema):
    """One type's channels."""

    type: str
    label: str = Field(description="What it is called where preferences are set.")
    in_app: bool
    email: bool
    push: bool
    locked: list[Channel] = Field(description="Channels that can't be switched off.")
    unavailable: list[Channel] = Field(description="Channels that this type does not go by.")


class PreferenceList(Schema):
    items: list[Preference]


class PreferenceChange(Schema):
    """The channels that are named change."""

    model_config = ConfigDict(extra="forbid")

    type: str
    in_app: bool | None = None
    email: bool | None = None
    push: bool | None = None

    @property
    def chosen(self) -> dict[Channel, bool]:
        named: tuple[tuple[Channel, bool | None], ...] = (
            ("inApp", self.in_app),
            ("email", self.email),
            ("push", self.push),
        )
        return {channel: on for channel, on in named if on is not None}


class PreferenceChanges(Schema):
    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[PreferenceChange], Field(min_length=1, max_length=100)]


class NewDevice(Schema):
    token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=4096)] = Field(
        description="FCM's registration token of this installation."
    )
    platform: Literal["web", "android", "ios"] = "web"


class Device(Schema):
    id: str
    platform: str
    created_at: datetime
    expires_at: datetime = Field(description="Register again before: at each start of the app.")

"""Wire models of live classes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from konnect import text
from konnect.http.schemas import DocumentId, Moment, NumberedQuery, Schema

from .chat import Kind
from .policy import LONGEST_MINS, MOST_PARTICIPANTS, SHORTEST_MINS, State, Status

Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), AfterValidator(text.visible_line)]
Category = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60), AfterValidator(text.visible_line)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000), AfterValidator(text.clean)]
HttpsUrl = Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?$")]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(text.visible_line)
]
Minutes = Annotated[int, Field(strict=True, ge=SHORTEST_MINS, le=LONGEST_MINS)]
Places = Annotated[int, Field(strict=True, ge=1, le=MOST_PARTICIPANTS)]


class NewLiveSession(Schema):
    """A class as its host plans it."""

    title: Title = Field(examples=["Recursion, live"])
    description: Description = ""
    category: Category = Field(default="General", examples=["Programming"])
    scheduled_at: Moment = Field(description="With its zone.", examples=["2026-06-01T18:00:00+05:30"])
    duration_mins: Minutes = Field(default=60, examples=[60])
    max_participants: Places = Field(default=100, description="Beside the host.", examples=[100])
    course_id: DocumentId | None = Field(
        default=None, description="A published course of the host's own: then only its students take part."
    )


class LiveSessionChange(Schema):
    """What is left out stays. `status`: `live` opens it (from ten minutes before its time), `ended` ends it."""

    title: Title | None = None
    description: Description | None = None
    category: Category | None = None
    scheduled_at: Moment | None = Field(default=None, description="While it has not begun; all are told.")
    duration_mins: Minutes | None = Field(default=None, description="Also while it goes on.")
    max_participants: Places | None = Field(default=None, description="Not below the places that are taken.")
    recording_url: HttpsUrl | None = Field(default=None, description="Where it can be seen again.")
    status: Literal["live", "ended"] | None = None


class LiveSessionsQuery(NumberedQuery):
    when: Literal["upcoming", "live", "past"] | None = Field(
        default=None, description="By default what is not over, the next first; past ones the latest first."
    )
    category: str | None = Field(default=None, max_length=60)
    course_id: DocumentId | None = None
    host_id: DocumentId | None = Field(default=None, description="The educator's, as `host.id`.")
    mine: Literal["hosting", "attending"] | None = Field(
        default=None,
        description="The caller's own alone, in every status, the latest first: hosted, or with a place in them. "
        "Needs a token; the other filters don't apply.",
    )


class CancelQuery(Schema):
    reason: Reason | None = Field(default=None, description="All who have a place are told it.")


class LiveHost(Schema):
    id: str = Field(description="The educator's profile.")
    uid: str
    name: str
    image_url: str | None


class LiveSession(Schema):
    """`participantCount`: the places that are taken, the host not counted. `hostPresent`: it is live, and the host is
    there."""

    id: str
    title: str
    description: str
    category: str
    host: LiveHost
    course_id: str | None
    course_title: str | None
    scheduled_at: datetime
    duration_mins: int
    ends_at: datetime
    status: Status
    max_participants: int
    participant_count: int
    host_present: bool
    started_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None = Field(
        examples=["host-ended", "time-over", "host-absent", "host-cancelled", "host-no-show"]
    )
    cancellation_reason: str | None
    recording_url: str | None = Field(
        description="Of a course's: null but for its host and students, who ask by its id."
    )
    attended_count: int | None = Field(description="How many learners have come, once it has ended.")
    created_at: datetime
    updated_at: datetime


class LivePlace(Schema):
    """The caller's place. While it is `registered`, `url`, `token`, `roomName` and `domain` are null: join again after
    `secondsLeft`, or when a `session_update` says that it is live."""

    session: LiveSession
    state: State
    role: Literal["host", "learner"]
    provider: Literal["jitsi", "fallback"]
    url: str | None = Field(description="Opens the call by itself, for the caller alone.")
    token: str | None = Field(description="For Jitsi's IFrame API, `jwt`; null where rooms need none.")
    room_name: str | None = Field(description="For Jitsi's IFrame API, `roomName`.")
    domain: str | None = Field(description="For Jitsi's IFrame API, its first argument.", examples=["meet.jit.si"])
    opens_at: datetime = Field(description="Ten minutes before its time for the host; its time for the others.")
    closes_at: datetime
    seconds_left: int = Field(description="Until it opens by the clock; 0 once it has.")


class LiveStay(Schema):
    joined_at: datetime
    left_at: datetime | None
    seconds: int


class LiveParticipant(Schema):
    user_id: str
    name: str
    role: Literal["host", "learner"]
    registered_at: datetime
    present: bool
    first_joined_at: datetime | None
    seconds: int = Field(description="In which they were there, in all.")
    stays: list[LiveStay]


class LiveMessage(Schema):
    id: str
    session_id: str
    user_id: str
    sender_name: str
    role: Literal["host", "learner"]
    kind: Kind
    message: str = Field(json_schema_extra=text.PLAIN)
    created_at: datetime

"""Wire models of skill exchanges."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, StringConstraints

from konnect import text
from konnect.http.schemas import DocumentId, ListQuery, Moment, NumberedQuery, Schema
from konnect.members.skills import MAX_NAME

from .policy import LONGEST_MINS, MILESTONES_MAX, SHORTEST_MINS, EndReason, Status


def _https(value: str) -> str:
    try:
        parts = urlsplit(value)
        # A port that is none raises, too.
        is_address = parts.scheme == "https" and parts.hostname and parts.username is None and parts.port != 0
        if not is_address or text.clean(value) != value or any(one.isspace() for one in value):
            raise ValueError
    except ValueError as error:
        raise ValueError("must be an https:// address") from error
    return value


def _line(limit: int) -> AfterValidator:
    def check(value: str) -> str:
        value = text.visible_line(value)
        if len(value) > limit:
            raise ValueError(f"must have at most {limit} characters")
        return value

    return AfterValidator(check)


Skill = Annotated[str, StringConstraints(max_length=200), _line(MAX_NAME)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(text.clean)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(text.line)]
Title = Annotated[str, StringConstraints(max_length=200), _line(120)]
OwnLink = Annotated[str, StringConstraints(max_length=500), AfterValidator(_https)]
Minutes = Annotated[int, Field(strict=True, ge=SHORTEST_MINS, le=LONGEST_MINS)]
PLAIN = text.PLAIN


class Terms(Schema):
    """What both agree to: the requester by asking, the other side by accepting."""

    commitment_hours: int = Field(default=4, strict=True, ge=1, le=500, description="Of each, in all.", examples=[10])
    session_frequency: Line = Field(default="weekly", examples=["twice a week"])
    cancellation_policy: Text = Field(
        default="A session is cancelled at least 24 hours before it begins.", json_schema_extra=PLAIN
    )


class NewExchange(Schema):
    """Without `providerId` it is an open offer: shown to everybody, for whoever accepts it first."""

    provider_id: DocumentId | None = Field(default=None, description="Who is asked.")
    offered_skill: Skill = Field(description="What the caller teaches.", examples=["Python"])
    requested_skill: Skill = Field(
        validation_alias=AliasChoices("requestedSkill", "desiredSkill", "requested_skill"),
        description="What they want to learn. `desiredSkill` is the same.",
        examples=["Guitar"],
    )
    message: Text = Field(
        default="", description="To the one who is asked; of an offer, for all.", json_schema_extra=PLAIN
    )
    terms: Terms = Field(default_factory=Terms)


class Acceptance(Schema):
    agree_to_terms: Literal[True] = Field(description="Without it nothing is accepted.", examples=[True])


class Ending(Schema):
    reason: Text = Field(default="", description="For the other side.", json_schema_extra=PLAIN)


class NewFeedback(Schema):
    rating: int = Field(strict=True, ge=1, le=5)
    comment: Text = Field(default="", json_schema_extra=PLAIN)
    endorse: bool = Field(
        default=False, strict=True, description="Say, too, that they have the skill that they have taught."
    )


class NewMeeting(Schema):
    """Without `meetingUrl` it is in a room of the platform's."""

    scheduled_at: Moment = Field(description="In the future.")
    duration_mins: Minutes = 60
    topic: Line = ""
    meeting_url: OwnLink | None = Field(default=None, description="A call of their own, by https.")


class MeetingChange(Schema):
    """What is left out stays. `status`: `completed` once it has begun, `cancelled` before."""

    status: Literal["completed", "cancelled"] | None = None
    scheduled_at: Moment | None = None
    duration_mins: Minutes | None = None
    topic: Line | None = None
    meeting_url: OwnLink | None = None


class MilestoneWish(Schema):
    id: DocumentId | None = Field(default=None, description="Of one that is there; without, it is a new one.")
    title: Title
    is_done: bool = Field(default=False, strict=True)


class Milestones(Schema):
    """In their order; what is left out goes."""

    milestones: list[MilestoneWish] = Field(max_length=MILESTONES_MAX)


class ExchangeQuery(NumberedQuery):
    """`mine` lists those in which the caller takes part, whatever their status; else it is open offers."""

    mine: bool = Field(default=False, description="Needs a token.")
    status: Status | None = Field(default=None, description="Of one's own.")
    offered_skill: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="Of open offers: what they teach."
    )
    requested_skill: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="Of open offers: what they want to learn."
    )


class MatchQuery(ListQuery):
    """Left out, the skills are those of the caller's profile."""

    offered_skill: Annotated[str, StringConstraints(max_length=200)] | None = None
    desired_skill: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, validation_alias=AliasChoices("desiredSkill", "requestedSkill", "desired_skill")
    )


class ExchangeRating(Schema):
    average: float
    count: int


class ExchangePerson(Schema):
    id: str
    name: str
    profile_image: str | None
    rating: ExchangeRating = Field(description="By those they have exchanged skills with.")
    completed_exchanges: int


class Meeting(Schema):
    """`meetingUrl`: a link of their own; null: in a room of the platform's."""

    id: str
    topic: str
    scheduled_at: datetime
    duration_mins: int
    status: Literal["scheduled", "completed", "cancelled"]
    scheduled_by: str
    meeting_url: str | None


class Milestone(Schema):
    id: str
    title: str
    is_done: bool
    done_at: datetime | None


class Feedback(Schema):
    by: str = Field(description="Who has given it, of the other side.")
    rating: int
    comment: str
    endorsed: bool
    created_at: datetime


class Exchange(Schema):
    """An exchange as its two and admins see it, and everybody while it is `open`: then it has no provider. `pending`:
    it waits for the provider until `expiresAt`. `accepted`: it goes on, and `conversationId` is where the two write to
    each other."""

    id: str
    status: Status
    requester: ExchangePerson
    provider: ExchangePerson | None
    offered_skill: str = Field(description="What the requester teaches.")
    requested_skill: str = Field(description="What the provider teaches.")
    message: str = Field(json_schema_extra=PLAIN)
    terms: Terms
    conversation_id: str | None
    sessions: list[Meeting]
    milestones: list[Milestone]
    completed_by: list[str] = Field(description="Who has said that it is complete; it is when both have.")
    feedback: list[Feedback]
    end_reason: EndReason | None
    ended_by: str | None = Field(description='The id of who has ended it, or "system".')
    note: str | None = Field(description="Why, by who has ended it.", json_schema_extra=PLAIN)
    created_at: datetime
    expires_at: datetime | None
    accepted_at: datetime | None
    ended_at: datetime | None


class MatchedMember(ExchangePerson):
    bio: str
    offered_skills: list[str]
    desired_skills: list[str]
    response_rate: float = Field(description="The part of the requests to them that they have answered; 1 at first.")


class MatchParts(Schema):
    skills: float = Field(description="40 if each teaches what the other wants to learn, else 0.")
    rating: float = Field(description="Up to 20.")
    experience: float = Field(description="3 for each completed exchange, up to 15.")
    availability: float = Field(description="15 with times that are said, else 5.")
    responses: float = Field(description="Up to 10, by the response rate.")


class Match(Schema):
    """Somebody who teaches what the caller wants to learn. `teaches` and `wants`: the skills that fit."""

    user: MatchedMember
    score: float = Field(description="Of 100: the sum of `parts`.")
    parts: MatchParts
    teaches: list[str]
    wants: list[str]


class CallLink(Schema):
    """The caller's way into a session's call. While it is `waiting`, `url`, `token`, `roomName` and `domain` are null:
    ask again after `secondsLeft`. A link of their own is open at once."""

    status: Literal["waiting", "open"]
    provider: Literal["jitsi", "fallback", "own"]
    url: str | None
    token: str | None = Field(description="For Jitsi's IFrame API, `jwt`; null where rooms need none.")
    room_name: str | None = Field(description="For Jitsi's IFrame API, `roomName`.")
    domain: str | None
    opens_at: datetime = Field(description="Ten minutes before the beginning.")
    closes_at: datetime = Field(description="Half an hour after the end.")
    seconds_left: int = Field(description="Until it opens; 0 once it has.")

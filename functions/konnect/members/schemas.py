"""Wire models of members: accounts, profiles, skills (specs of SkillVerse, user state model)."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from konnect import text
from konnect.experts.schemas import Link, MentorStatus
from konnect.gamification.schemas import Standing
from konnect.http.schemas import Schema
from konnect.identity.schemas import Email
from konnect.identity.sign_in import MIN_PASSWORD
from konnect.identity.standing import Status

from .service import Role
from .skills import MAX_NAME, MAX_SKILLS, Level

MAX_WINDOWS = 50
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(text.visible_line)
]
SkillName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME), AfterValidator(text.visible_line)
]
SkillNames = Annotated[list[SkillName], Field(max_length=MAX_SKILLS)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(text.clean)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
NewPassword = Annotated[Password, Field(json_schema_extra={"minLength": MIN_PASSWORD})]
Token = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class NewMemberAccount(Schema):
    name: Name
    email: Email
    password: NewPassword
    role: Role = Field(default="learner", description="An educator applies, and may write courses at once.")
    referral_code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)] | None = Field(
        default=None, description="Of the friend who told them: 25 points for that friend once the address is verified."
    )


class RefreshToken(Schema):
    refresh_token: Token


class AddressGiven(Schema):
    email: Email


class NewPasswordByMail(Schema):
    token: Token = Field(description="Of the mail's link.")
    password: NewPassword


class MailToken(Schema):
    token: Token = Field(description="Of the mail's link.")


class PasswordChange(Schema):
    current_password: Password
    new_password: NewPassword


class Confirmation(Schema):
    message: str


class VerifiedAddress(Schema):
    id: str = Field(description="Whose address is verified now.")
    verified: Literal[True] = True


class MemberSkill(Schema):
    name: str
    level: Level | None = Field(description="null: endorsed by somebody they taught it, not chosen yet.")
    endorsements: int


class SkillGiven(Schema):
    name: SkillName
    level: Level = "beginner"


class WeeklyWindow(Schema):
    """Every week, by the clock in India."""

    day: Day
    from_: Time = Field(alias="from", examples=["18:00"])
    to: Time = Field(examples=["20:30"])

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("must end after it begins")
        return self


class MemberRating(Schema):
    average: float
    count: int


class SkillExchangeProfile(Schema):
    offered_skills: list[str]
    desired_skills: list[str]
    availability: list[WeeklyWindow]
    completed_exchanges: int
    rating: MemberRating


class OwnMember(Schema):
    """The owner's view of their account."""

    id: str
    name: str | None
    email: str | None
    email_verified: bool
    role: Literal["learner", "educator", "skillExchanger", "admin"]
    status: Status
    educator_status: MentorStatus | None = Field(description="Of an educator's application; null without one.")
    profile_image: str | None
    bio: str
    skills: list[MemberSkill]
    interests: list[str]
    skill_exchange_profile: SkillExchangeProfile
    gamification: Standing
    hide_from_leaderboard: bool
    referral_code: str = Field(description="For friends to register with.")
    created_at: datetime
    updated_at: datetime


class Tokens(Schema):
    token: str = Field(description="A Firebase ID token: the Bearer token of every request, and of sockets' handshake.")
    refresh_token: str = Field(description="For `POST /api/v1/users/refresh-token`.")
    expires_in: int = Field(description="Seconds until `token` expires.")


class SignedInMember(Tokens):
    user: OwnMember


class ProfileChange(Schema):
    """What is left out stays; null removes the image. Skills have an operation of their own."""

    name: Name = ""
    bio: Text = ""
    profile_image: Link | None = Field(
        default=None, description="The `fileUrl` of an upload for `photo`, or an address elsewhere."
    )
    interests: SkillNames = Field(default_factory=list)
    role: Role = Field(default="learner", description="Who becomes an educator applies to be one.")
    offered_skills: SkillNames = Field(default_factory=list)
    desired_skills: SkillNames = Field(default_factory=list)
    availability: Annotated[list[WeeklyWindow], Field(max_length=MAX_WINDOWS)] = Field(default_factory=list)
    hide_from_leaderboard: bool = False


class SkillsChange(Schema):
    """What is left out stays."""

    skills: Annotated[list[SkillGiven], Field(max_length=MAX_SKILLS)] = Field(default_factory=list)
    offered_skills: SkillNames = Field(default_factory=list)
    desired_skills: SkillNames = Field(default_factory=list)

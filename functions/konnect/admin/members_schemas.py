"""Wire models of SkillVerse's user administration."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from konnect.http.schemas import NumberedQuery, Schema
from konnect.identity.standing import Status

from .schemas import Reason, Strict
from .user_index import MemberRole


class MembersQuery(NumberedQuery):
    search: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="How the e-mail address, the name or a word of the name begins."
    )
    role: MemberRole | None = None
    status: Status | None = None


class MemberAccount(Schema):
    """A user, with their role as SkillVerse names it."""

    id: str
    email: str | None = None
    name: str | None = None
    role: MemberRole
    status: Status
    created_at: datetime
    updated_at: datetime | None = None


class StatusChange(Strict):
    """`inactive`: signs in as ever, and is not offered to others until active again. `suspended` and `banned`: signs in
    nowhere; tokens, sockets and what runs end at once, what is booked is cancelled, and there is no public profile.
    """

    status: Status
    reason: Reason | None = Field(default=None, description="For the audit.")

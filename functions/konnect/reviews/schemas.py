"""Wire models of reviews."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field, StringConstraints

from konnect import text
from konnect.http.schemas import NumberedQuery, Schema


class NewReview(Schema):
    """`rating`: 1 to 5, whole."""

    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(text.clean)] = (
        Field(default="", validation_alias=AliasChoices("comment", "review"))
    )


class PublicReview(Schema):
    """What everybody may see: the reviewer by the first name alone."""

    id: str
    rating: int
    comment: str
    reviewer_name: str
    reply: str | None = None
    replied_at: datetime | None = None
    reply_edited_at: datetime | None = None
    created_at: datetime


class Review(PublicReview):
    """Of an expert."""

    expert_id: str


class CourseReview(PublicReview):
    """Of a course."""

    course_id: str


class AnyReview(PublicReview):
    """Of an expert or of a course; the other is null."""

    expert_id: str | None
    course_id: str | None = None


class Reply(Schema):
    reply: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(text.clean)
    ] = Field(validation_alias=AliasChoices("reply", "comment", "text"))


class NewReport(Schema):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Report(Schema):
    """The caller's report; sent again, it stays as it was."""

    review_id: str
    reason: str
    created_at: datetime


class Moderation(Schema):
    """Hidden reviews are not shown, and don't count in the rating."""

    hidden: bool = Field(strict=True)
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class ModeratedReview(AnyReview):
    """As admins see it."""

    session_id: str | None = None
    booking_id: str | None = None
    consult_id: str | None = None
    user_id: str
    hidden: bool
    report_count: int


class ReportedBy(Schema):
    user_id: str
    reason: str
    created_at: datetime


class ReportedReview(ModeratedReview):
    reports: list[ReportedBy] = Field(description="The last ten.")


class ReportedQuery(NumberedQuery):
    hidden: bool = Field(default=False, description="Those that were hidden; left out, what is still shown.")

"""Wire models of courses: catalogue, authoring, moderation. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from konnect import text
from konnect.experts.schemas import Line, Link
from konnect.http.schemas import DocumentId, ListQuery, Moment, NumberedQuery, Schema
from konnect.money import RupeesOrZero

from .search import Level, Sort, sort_of

Status = Literal["draft", "pending", "published", "rejected", "archived"]
Kind = Literal["video", "article"]
SECTIONS_MAX = 100
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000), AfterValidator(text.clean)]
Article = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000), AfterValidator(text.clean)
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(text.visible_line)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(text.clean)
]
SecureLink = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^https://[^\s]+$")]
Id = Annotated[str, StringConstraints(max_length=128)]
Price = Annotated[RupeesOrZero, Field(le=500_000)]


def _visible(value: str) -> str:
    """A text of several lines in which there is something to see."""
    if text.is_blank(value := text.clean(value).strip()):
        raise ValueError("must not be empty")
    return value


def _different(found: list[str]) -> list[str]:
    if len(set(found)) < len(found):
        raise ValueError("must differ from each other")
    return found


def _once(found: list[str]) -> list[str]:
    return list({one.casefold(): one for one in found}.values())


Tags = Annotated[list[Line], Field(max_length=20), AfterValidator(_once)]


def _price(value: float) -> float:
    if 0 < value < 1:
        raise ValueError("must be 0 or at least 1")
    return value


class Resource(Schema):
    """`url` or `uploadId` (of an upload of the purpose `material`)."""

    title: Title
    url: SecureLink | None = None
    upload_id: Id | None = None


class LectureInput(Schema):
    """What is in it: one of `videoUploadId` (an upload of the purpose `video`), `videoUrl` (elsewhere, such as YouTube;
    or the address of what Firebase's SDK has uploaded), `article` (plain text or Markdown). A known one that comes
    without keeps what it has.
    """

    id: Id | None = None
    title: Title
    kind: Kind | None = None
    duration_s: Annotated[int, Field(ge=0, le=86_400)] | None = Field(default=None, description="Seconds.")
    is_preview: bool | None = Field(default=None, description="Whether everybody may see it.")
    video_upload_id: Id | None = None
    video_url: Link | None = None
    article: Article | None = None
    resources: Annotated[list[Resource], Field(max_length=20)] | None = None


class QuestionInput(Schema):
    id: Id | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_visible)]
    options: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_visible)]],
        Field(min_length=2, max_length=10),
        AfterValidator(_different),
    ]
    answer: Annotated[int, Field(strict=True, ge=0)] = Field(description="The right option's index, from 0.")


class QuizInput(Schema):
    """A known one that comes without questions keeps what it has."""

    id: Id | None = None
    title: Title
    passing_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, validation_alias=AliasChoices("passingPercent", "passing_percent", "passingScore")
    )
    questions: Annotated[list[QuestionInput], Field(max_length=100)] | None = None


class SectionInput(Schema):
    id: Id | None = None
    title: Title
    lectures: Annotated[list[LectureInput], Field(max_length=200)] = Field(default_factory=list)
    quizzes: Annotated[list[QuizInput], Field(max_length=50)] = Field(default_factory=list)


class Certificate(Schema):
    """`quizzesRequired`: it takes every quiz passed, not the lectures alone."""

    is_offered: bool = True
    quizzes_required: bool = True


class CourseEdit(Schema):
    """What is left out stays as it is. `sections` are given whole, each part with its `id` where it has one: what is
    missing is removed. `status`: `pending` submits the course for review, `draft` takes it back; `archived` ends the
    sale of a published one.
    """

    title: Annotated[Title, Field(min_length=3, max_length=120)] | None = None
    description: Prose | None = None
    category: Line | None = None
    level: Level | None = None
    language: Line | None = None
    tags: Tags | None = None
    thumbnail_url: Link | None = Field(
        default=None,
        description="`fileUrl` of an upload of the purpose `thumbnail`, or an address elsewhere; null takes it away.",
    )
    price: Annotated[Price, AfterValidator(_price)] | None = Field(default=None, description="INR; 0: it is free.")
    sections: Annotated[list[SectionInput], Field(max_length=SECTIONS_MAX)] | None = None
    certificate: Certificate | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def _nothing_taken_away(self) -> Self:
        kept = self.model_fields_set - {"thumbnail_url"}
        if empty := sorted(name for name in kept if getattr(self, name) is None):
            raise ValueError(f"{empty[0]} can't be null")
        return self


class NewCourse(CourseEdit):
    """A course to be; only the title has to be there before it is submitted."""

    title: Annotated[Title, Field(min_length=3, max_length=120)]


class RemovedCourse(Schema):
    """A course that was published once is archived: off sale, and still its students'. Any other one is deleted."""

    id: str
    deleted: bool
    status: Literal["archived"] | None


class Instructor(Schema):
    """`id` is the expert's, `uid` the account's."""

    id: str
    uid: str
    name: str | None
    image_url: str | None


class CourseCard(Schema):
    """A course as lists show it."""

    id: str
    title: str
    slug: str = Field(description="For addresses that can be read: /courses/{id}/{slug}. It finds nothing.")
    summary: str
    category: str
    level: Level
    language: str
    tags: list[str]
    thumbnail_url: str | None
    price: float
    price_paise: int
    instructor: Instructor
    has_certificate: bool
    total_lectures: int
    total_duration_s: int
    enrolled_count: int
    rating: float
    review_count: int
    is_featured: bool
    status: Status
    published_at: datetime | None
    updated_at: datetime


class Lecture(Schema):
    id: str
    title: str
    kind: Kind
    duration_s: int
    is_preview: bool


class Quiz(Schema):
    id: str
    title: str
    question_count: int
    passing_percent: int


class Section(Schema):
    id: str
    title: str
    lectures: list[Lecture]
    quizzes: list[Quiz]


class Course(CourseCard):
    """A course's page. What its lectures contain is for its students."""

    description: str
    sections: list[Section]


class OwnLecture(Lecture):
    video_upload_id: str | None = None
    video_url: str | None = None
    article: str | None = None
    resources: list[Resource] = Field(default_factory=list)


class Question(Schema):
    id: str
    text: str
    options: list[str]
    answer: int


class OwnQuiz(Quiz):
    questions: list[Question] = Field(default_factory=list)


class OwnSection(Section):
    lectures: list[OwnLecture]  # type: ignore[assignment]
    quizzes: list[OwnQuiz]  # type: ignore[assignment]


class OwnCourseCard(CourseCard):
    """A course in any status, in the lists of its educator and of admins."""

    submitted_at: datetime | None
    created_at: datetime


class OwnCourse(OwnCourseCard):
    """The whole course, as its educator and admins see it: it can be sent back to change it. `rejectionReason`: while
    it is rejected."""

    description: str
    sections: list[OwnSection]
    certificate: Certificate
    rejection_reason: str | None


def _sort(value: Any) -> Any:
    return sort_of(value) or value if isinstance(value, str) else value


class CoursesQuery(NumberedQuery):
    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        default="",
        validation_alias=AliasChoices("search", "q", "query", "keyword"),
        description="Words, or beginnings of words, of title, tags, category, educator and description.",
    )
    category: Line | None = None
    level: Level | None = None
    language: Line | None = None
    instructor: DocumentId | None = Field(default=None, description="The educator's id.")
    price: Literal["free", "paid"] | None = None
    min_price: float | None = Field(default=None, ge=0, le=1_000_000, description="INR.")
    max_price: float | None = Field(default=None, ge=0, le=1_000_000)
    rating: Annotated[float, Field(ge=0, le=5)] | None = Field(
        default=None, validation_alias=AliasChoices("rating", "minRating", "min_rating"), description="At least."
    )
    sort: Annotated[Sort, BeforeValidator(_sort)] | None = Field(
        default=None, validation_alias=AliasChoices("sort", "sortBy", "sort_by"), description="By default the newest."
    )


class ModerationQuery(ListQuery):
    status: Status = Field(default="pending", description="By default what waits for a decision.")


class Decision(Schema):
    """`published` approves, `rejected` refuses or takes off sale (with the reason), `archived` ends the sale.
    `isFeatured`: whether a published course is among the featured ones."""

    status: Literal["published", "rejected", "archived"] | None = None
    reason: Reason | None = Field(
        default=None,
        validation_alias=AliasChoices("reason", "rejectionReason", "rejection_reason"),
        description="What the educator is told; required to reject.",
    )
    is_featured: bool | None = None
    updated_at: Moment | None = Field(
        default=None, description="Of the course that was looked at: should it have changed since, 409 COURSE_CHANGED."
    )

    @model_validator(mode="before")
    @classmethod
    def _words(cls, given: Any) -> Any:
        """`approved` is a word for `published`."""
        if isinstance(given, dict) and given.get("status") == "approved":
            return {**given, "status": "published"}
        return given

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.status is None and self.is_featured is None:
            raise ValueError("must have a status or isFeatured")
        if self.status == "rejected" and self.reason is None:
            raise ValueError("a rejection needs its reason")
        return self

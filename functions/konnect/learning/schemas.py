"""Wire models of learning: enrolments, the player, quizzes, certificates. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator

from konnect.courses.schemas import CourseCard
from konnect.http.schemas import DocumentId, NumberedQuery, Schema

LONGEST_S = 24 * 3600
ANSWERS_MAX = 200
Status = Literal["active", "completed", "revoked"]


class Enrollment(Schema):
    """`progress`: the percentage of the course's lectures that are completed. `completed` it stays, whatever is added
    to the course later; `revoked`: taken back, as by a refund."""

    id: str
    course_id: str
    status: Status
    source: Literal["free", "wallet", "checkout"]
    price: float = Field(description="What was paid.")
    price_paise: int
    progress: int
    completed_lectures: list[str]
    last_lecture_id: str | None
    enrolled_at: datetime
    last_active_at: datetime
    completed_at: datetime | None
    certificate_id: str | None
    revoked_at: datetime | None


class EnrolledCourse(Enrollment):
    course: CourseCard


class EnrolledQuery(NumberedQuery):
    status: Status | None = Field(default=None, description="Left out: all but what was taken back.")


class LectureProgress(Schema):
    """What became of a lecture; sent again, it changes nothing."""

    lecture_id: DocumentId = Field(examples=["w2Zc8Q4kT0bJm5YxR1aN"])
    completed: bool | None = Field(default=None, strict=True, description="Left out: as it was.")
    position_s: int | None = Field(
        default=None, strict=True, ge=0, le=LONGEST_S, description="Where it was left, in seconds."
    )


class Progress(Schema):
    """`pointsEarned`: by this very request. `courseCompleted`: by this very request."""

    course_id: str
    status: Status
    progress: int
    completed_lectures: list[str]
    last_lecture_id: str | None
    completed_at: datetime | None
    certificate_id: str | None
    points_earned: int
    course_completed: bool


class PlayerLecture(Schema):
    id: str
    title: str
    kind: Literal["video", "article"]
    duration_s: int
    is_preview: bool
    is_locked: bool
    is_completed: bool
    position_s: int


class PlayerQuestion(Schema):
    """Without its answer."""

    id: str
    text: str
    options: list[str]


class PlayerQuiz(Schema):
    id: str
    title: str
    question_count: int
    passing_percent: int
    is_locked: bool
    questions: list[PlayerQuestion]
    best_percent: int | None
    is_passed: bool
    attempts_left: int = Field(description="Today, in India.")


class PlayerSection(Schema):
    id: str
    title: str
    lectures: list[PlayerLecture]
    quizzes: list[PlayerQuiz]


class CertificateTerms(Schema):
    is_offered: bool
    quizzes_required: bool


class CourseContent(Schema):
    """A course as its player shows it. `access`: what opens it to the caller. `status` and what follows are those of
    the caller's enrolment, null without one."""

    course_id: str
    title: str
    access: Literal["none", "student", "educator", "admin"]
    status: Status | None
    progress: int | None
    last_lecture_id: str | None
    completed_at: datetime | None
    certificate_id: str | None
    certificate: CertificateTerms
    sections: list[PlayerSection]


class OpenResource(Schema):
    title: str
    url: str
    expires_at: datetime | None = Field(description="Of a file of ours, whose address is signed.")


class OpenLecture(PlayerLecture):
    """A lecture with what is in it: a video's address or an article."""

    course_id: str
    video_url: str | None
    video_expires_at: datetime | None = Field(description="Of `videoUrl`; null for a video elsewhere.")
    article: str | None
    resources: list[OpenResource]
    next_lecture_id: str | None


class Answer(Schema):
    question_id: DocumentId = Field(examples=["b7LsV3hD9eKq6WtU2iFo"])
    answer: int = Field(
        strict=True, ge=0, le=100, description="The chosen option's place in `options`, from 0.", examples=[0]
    )


class QuizAnswers(Schema):
    answers: Annotated[list[Answer], Field(max_length=ANSWERS_MAX)] = Field(
        description="One a question; a question without one is wrong."
    )

    @field_validator("answers")
    @classmethod
    def _once_a_question(cls, answers: list[Answer]) -> list[Answer]:
        if len({one.question_id for one in answers}) < len(answers):
            raise ValueError("a question can be answered once")
        return answers

    @property
    def by_question(self) -> dict[str, int]:
        return {one.question_id: one.answer for one in self.answers}


class AnswerResult(Schema):
    question_id: str
    is_correct: bool


class QuizResult(Schema):
    """Which answers were right, not which would have been: a quiz can be taken again."""

    quiz_id: str
    percent: int
    score: int
    total: int
    passing_percent: int
    is_passed: bool
    results: list[AnswerResult]
    best_percent: int
    attempts_left: int = Field(description="Today, in India.")
    points_earned: int = Field(description="By this attempt, with what its completing the course brings.")
    progress: int
    course_status: Status
    certificate_id: str | None


class Student(Schema):
    """A student as the educator sees them."""

    user_id: str
    name: str
    status: Status
    progress: int
    completed_lectures: int
    quizzes_passed: int
    enrolled_at: datetime
    last_active_at: datetime
    completed_at: datetime | None


class IssuedCertificate(Schema):
    """What a certificate says, to whoever has its code. `isValid` false: it was revoked, as by a refund."""

    id: str
    code: str = Field(description="The id in groups of four, as it is printed.", examples=["7K3M-9QPX-2R4T-8WYZ"])
    learner_name: str
    course_id: str
    course_title: str
    instructor_name: str
    completed_at: datetime
    issued_at: datetime
    is_valid: bool
    revoked_at: datetime | None
    pdf_url: str

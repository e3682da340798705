"""An outline of what an educator writes, as tables."""

from itertools import count
from typing import Any

import pytest

from konnect.courses import repository, sections
from konnect.errors import BadRequest
from konnect.store import Doc


def built(given: list[Doc], before: sections.Outline | None = None) -> sections.Outline:
    known = before or sections.Outline()
    numbers = count(100 * (1 + len(known.lectures)))
    content = {**repository.NO_CONTENT, "lectures": known.lectures, "quizzes": known.quizzes}
    return sections.build(sections.numbered(given, lambda: f"n{next(numbers)}"), known.sections, content)


def one(**lecture: Any) -> list[Doc]:
    return [{"title": "S", "lectures": [{"title": "L", **lecture}]}]


QUESTION = {"text": "1 + 1?", "options": ["1", "2"], "answer": 1}
QUIZ = {"title": "Q", "questions": [QUESTION]}


def test_public_and_private() -> None:
    lecture = {"title": "L", "durationS": 60, "isPreview": True, "article": "Hello", "resources": [
        {"title": "More", "url": "https://x.example"}
    ]}  # fmt: skip
    found = built([{"title": "S", "lectures": [lecture], "quizzes": [{**QUIZ, "passingPercent": 80}]}])
    [section] = found.sections
    [shown], [quiz] = section["lectures"], section["quizzes"]
    assert {**shown, "id": "x"} == {"id": "x", "title": "L", "kind": "article", "durationS": 60, "isPreview": True}
    assert {**quiz, "id": "x"} == {"id": "x", "title": "Q", "questionCount": 1, "passingPercent": 80}
    assert found.lectures[shown["id"]] == {
        "videoUploadId": None,
        "videoUrl": None,
        "article": "Hello",
        "resources": [{"title": "More", "url": "https://x.example", "uploadId": None}],
    }
    [asked] = found.quizzes[quiz["id"]]["questions"]
    assert asked == {**QUESTION, "id": asked["id"]}
    assert len({section["id"], shown["id"], quiz["id"], asked["id"]}) == 4
    assert found.total_duration_s == 60


def test_sent_back_as_it_was_shown_it_keeps_its_content() -> None:
    first = built([{"title": "S", "lectures": [{"title": "L", "videoUploadId": "v1"}], "quizzes": [QUIZ]}])
    again = built(first.sections, first)
    assert (again.sections, again.lectures, again.quizzes) == (first.sections, first.lectures, first.quizzes)
    # With its answers, as its educator is shown it.
    whole = sections.joined({"sections": first.sections}, {"lectures": first.lectures, "quizzes": first.quizzes})
    for section in whole:
        for lecture in section["lectures"]:
            lecture |= {name: value for name, value in lecture.items() if value is not None}
    again = built(whole, first)
    assert (again.sections, again.lectures, again.quizzes) == (first.sections, first.lectures, first.quizzes)


def test_moved_exchanged_and_removed() -> None:
    first = built([*one(article="A"), *one(videoUploadId="v1")])
    a, b = (section["lectures"][0]["id"] for section in first.sections)
    moved = built(
        [{**first.sections[1], "lectures": [{"id": b, "title": "B", "article": "Now text"}, {"id": a, "title": "A"}]}],
        first,
    )
    [section] = moved.sections
    assert section["id"] == first.sections[1]["id"]
    assert [(lecture["id"], lecture["kind"]) for lecture in section["lectures"]] == [(b, "article"), (a, "article")]
    assert moved.lectures[b]["videoUploadId"] is None
    assert moved.lectures[a]["article"] == "A"
    assert list(built(first.sections[:1], first).lectures) == [a]


def test_unknown_and_repeated_ids_are_new_ones() -> None:
    first = built(one(article="A"))
    [lecture] = first.sections[0]["lectures"]
    twice = built([{"title": "S", "lectures": [lecture, lecture, {**lecture, "id": "temp-1"}]}], first)
    assert len(twice.lectures) == 3
    assert "temp-1" not in twice.lectures


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (one(article="A", videoUrl="https://x.example"), "sections.0.lectures.0"),
        (one(videoUploadId="v", videoUrl="https://x.example"), "sections.0.lectures.0"),
        (one(article="A", kind="video"), "sections.0.lectures.0.kind"),
        (one(article="A", resources=[{"title": "R"}]), "sections.0.lectures.0.resources.0"),
        (
            one(article="A", resources=[{"title": "R", "url": "https://x.example", "uploadId": "u"}]),
            "sections.0.lectures.0.resources.0",
        ),
        ([{"title": "S", "quizzes": [{"title": "Q", "questions": [{**QUESTION, "answer": 2}]}]}],
         "sections.0.quizzes.0.questions.0.answer"),
        ([{"title": "S", "lectures": [{"title": "L", "article": "x" * 100_000}] * 10}], "sections"),
        ([{"title": "S", "lectures": [{"title": "L"}] * 501}], "sections"),
    ],
)  # fmt: skip
def test_refused(given: list[Doc], field: str) -> None:
    with pytest.raises(BadRequest) as error:
        built(given)
    assert error.value.details[0]["field"] == field


def test_what_is_missing() -> None:
    def missing(given: list[Doc], **course: Any) -> list[str]:
        found = built(given)
        whole = {"description": "D", "category": "C", "sections": found.sections, **course}
        return [
            problem["field"]
            for problem in sections.missing(whole, {"lectures": found.lectures, "quizzes": found.quizzes})
        ]

    assert missing(one(article="A")) == []
    assert missing([], description="") == ["description", "sections"]
    assert missing(one(), category="") == ["category", "sections.0.lectures.0"]
    assert missing([*one(article="A"), {"title": "S", "quizzes": [{"title": "Q"}]}]) == ["sections.1.quizzes.0"]


def test_files() -> None:
    found = built(one(videoUploadId="v1", resources=[{"title": "R", "uploadId": "m1"}]))
    content = {"lectures": found.lectures, "quizzes": {}, "thumbnailUploadId": "t1"}
    assert sections.uploads_of(content) == {"v1": "video", "m1": "material", "t1": "thumbnail"}
    assert sections.uploads_of(repository.NO_CONTENT) == {}

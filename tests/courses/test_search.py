"""What a course is found by, as tables."""

from typing import Any

import pytest

from konnect.courses import search
from konnect.courses.search import Criteria, keys, plan, sort_of

COURSE: dict[str, Any] = {
    "title": "Python from Zero",
    "description": "Variables, and files.",
    "category": "Web  Development",
    "level": "beginner",
    "language": "English",
    "tags": ["C++"],
    "instructor": {"id": "e1", "uid": "u1", "name": "Zoë Rao"},
    "isFeatured": False,
}


@pytest.mark.parametrize(
    ("word", "sort"),
    [
        ("newest", "newest"),
        ("-createdAt", "newest"),
        ("Popular", "popular"),
        ("price-low", "price_asc"),
        ("price_desc", "price_desc"),
        ("-price", "price_desc"),
        ("-rating", "rating"),
        ("weight", None),
    ],
)
def test_sorts(word: str, sort: str | None) -> None:
    assert sort_of(word) == sort


def test_keys() -> None:
    found = set(keys(COURSE))
    assert {"*", "category=web-development", "level=beginner", "language=english", "instructor=e1"} <= found
    assert "category=web-development&level=beginner&language=english&instructor=e1" in found
    assert {"~pyth", "~python", "~c++", "~zoe", "~web", "~files"} <= found
    assert not {"featured", "level=advanced"} & found
    assert "featured" in keys({**COURSE, "isFeatured": True})
    everyone = set(keys({**COURSE, "level": "all"}))
    assert {"level=beginner", "level=intermediate", "category=web-development&level=advanced"} <= everyone
    long = " ".join(f"word{number}" for number in range(4000))
    assert len(keys({**COURSE, "description": long})) == search.KEYS_MAX


@pytest.mark.parametrize(
    ("criteria", "first", "left"),
    [
        (Criteria(), "*", set()),
        (Criteria(level="all"), "*", set()),
        (Criteria(featured=True), "featured", set()),
        (Criteria(category="Web Development"), "category=web-development", set()),
        (
            Criteria(category="Music", level="advanced", language="Hindi", instructor="e1"),
            "category=music&level=advanced&language=hindi&instructor=e1",
            set(),
        ),
        (Criteria(search="Python"), "~python", set()),
        (Criteria(search="to python"), "~python", {"~to"}),
        (Criteria(search="python python"), "~python", set()),
        (Criteria(search="internationalization"), "~internationa"[:13], set()),
        (Criteria(search="py", level="beginner"), "level=beginner", {"~py"}),
        (Criteria(search="python", level="beginner"), "~python", {"level=beginner"}),
        (Criteria(search="...", level="beginner"), "level=beginner", set()),
    ],
)
def test_plans(criteria: Criteria, first: str, left: set[str]) -> None:
    found = plan(criteria)
    assert found.where == (("keys", "array_contains", first),)
    assert found.left == left


def test_ranges() -> None:
    found = plan(Criteria(min_rating=4, min_price_paise=1, max_price_paise=50_000, sort="price_desc"))
    assert found.where[1:] == (("rating", ">=", 4), ("pricePaise", ">=", 1), ("pricePaise", "<=", 50_000))
    assert found.order == (("pricePaise", "desc"), ("rating", "desc"))

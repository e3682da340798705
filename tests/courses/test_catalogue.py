"""The lists of courses, on the emulator: each combination of filters and orders against a plain computation."""

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest

from konnect.context import Context
from konnect.courses import catalogue, search
from konnect.courses.authoring import DEFAULTS
from konnect.courses.search import Criteria
from konnect.store import Doc
from tests.courses.studio import Studio, problem
from tests.support import START, new_context

WORDS = ("python", "design", "system", "cloud", "kubernetes", "data")


def many(count: int, seed: int = 1) -> list[Doc]:
    rng = random.Random(seed)
    return [
        {
            **DEFAULTS,
            "id": f"c{index:03}",
            "title": " ".join(rng.sample(WORDS, 2)),
            "slug": "s",
            "description": rng.choice(WORDS),
            "category": rng.choice(("Programming", "Music")),
            "level": rng.choice(("beginner", "advanced", "all")),
            "language": rng.choice(("English", "Hindi")),
            "instructor": {"id": rng.choice(("e1", "e2")), "uid": "u", "name": "Asha", "imageUrl": None},
            "pricePaise": rng.choice((0, 0, 49_900, 99_900)),
            "enrolledCount": rng.choice((0, 1, 10, 150)),
            "rating": rng.choice((0, 3, 4.5, 5)),
            "isFeatured": rng.random() < 0.3,
            "status": "published",
            "publishedAt": START + timedelta(minutes=index),
            "updatedAt": START,
        }
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def listed() -> tuple[Context, list[Doc]]:
    ctx = new_context()
    courses = many(40)
    batch = ctx.db.client.batch()
    for course in courses:
        batch.set(ctx.db.ref(catalogue.COLLECTION, course["id"]), catalogue.of_course(course))
    batch.commit()
    return ctx, courses


def computed(courses: list[Doc], criteria: Criteria) -> list[str]:
    def fits(course: Doc) -> bool:
        found = f"{course['title']} {course['description']} {course['category']} asha".lower().split()
        return (
            (criteria.category is None or course["category"] == criteria.category)
            and (criteria.level is None or course["level"] in {criteria.level, "all"})
            and (criteria.language is None or course["language"] == criteria.language)
            and (criteria.instructor is None or course["instructor"]["id"] == criteria.instructor)
            and (criteria.min_rating is None or course["rating"] >= criteria.min_rating)
            and (criteria.min_price_paise is None or course["pricePaise"] >= criteria.min_price_paise)
            and (criteria.max_price_paise is None or course["pricePaise"] <= criteria.max_price_paise)
            and (not criteria.featured or course["isFeatured"])
            and all(any(word.startswith(wanted) for word in found) for wanted in criteria.search.lower().split())
        )

    order = search.ORDERS[criteria.sort]
    kept = [course for course in courses if fits(course)]
    # The id breaks the last tie, in the direction of the last field.
    kept.sort(key=lambda course: course["id"], reverse=order[-1][1] == "desc")
    for field, direction in reversed(order):
        kept.sort(key=lambda course: course[field], reverse=direction == "desc")
    return [course["id"] for course in kept]


def paged(ctx: Context, criteria: Criteria, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = catalogue.find(ctx.db, criteria, limit=limit, cursor=cursor)
        found += [course["id"] for course in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


FILTERS: list[dict[str, Any]] = [
    {},
    {"featured": True},
    {"category": "Music"},
    {"level": "beginner", "language": "Hindi", "instructor": "e1"},
    {"search": "pyth"},
    {"search": "cloud sys", "category": "Programming"},
    {"search": "d", "level": "advanced"},
]
RANGES: list[dict[str, Any]] = [{}, {"min_rating": 4, "min_price_paise": 1, "max_price_paise": 60_000}]


@pytest.mark.parametrize("sort", list(search.ORDERS))
def test_each_combination(listed: tuple[Context, list[Doc]], sort: search.Sort) -> None:
    ctx, courses = listed
    for filters, ranges in zip(FILTERS, itertools.cycle(RANGES), strict=False):
        criteria = Criteria(**filters, **ranges, sort=sort)
        assert paged(ctx, criteria, 12) == computed(courses, criteria), criteria


def test_by_number(listed: tuple[Context, list[Doc]]) -> None:
    ctx, courses = listed
    for criteria in (Criteria(), Criteria(search="python", level="advanced")):
        wanted = computed(courses, criteria)
        found = catalogue.find(ctx.db, criteria, limit=3, number=2)
        assert [course["id"] for course in found.items] == wanted[3:6]
        rest = catalogue.find(ctx.db, criteria, limit=3, cursor=found.next_cursor)
        assert [course["id"] for course in rest.items] == wanted[6:9]


def test_what_a_list_shows(studio: Studio) -> None:
    free = studio.published(title="Free Python", price=0)["id"]
    paid = studio.published(title="Paid Python", category="Data")["id"]
    studio.write(title="Unseen Python")
    studio.admin("PUT", f"/courses/{paid}/status", {"isFeatured": True})
    studio.written(paid)
    for path, expected in [
        ("", [paid, free]),
        ("?price=free", [free]),
        ("?price=paid&sort=-price", [paid]),
        ("?minPrice=100&maxPrice=499", [paid]),
        ("?category=data", [paid]),
        ("?level=beginner&language=english&instructor=asha&sortBy=price-low", [free, paid]),
        ("?rating=4.5", []),
        ("?page=2&limit=1", [free]),
        ("/featured", [paid]),
        ("/popular?limit=1", [paid]),
        ("/search?q=free%20pyth", [free]),
        ("/search?q=unseen", []),
    ]:
        answer = studio.call("GET", f"/courses{path}", by=None)
        assert answer.status_code == 200, answer.text
        # Without students and ratings the free one comes first by its price.
        found = [course["id"] for course in answer.json()["items"]]
        assert found == expected or (path == "/popular?limit=1" and found == [free]), path
    [shown] = studio.call("GET", "/courses?price=free", by=None).json()["items"]
    assert (shown["summary"], shown["totalLectures"], shown["price"]) == ("Variables, functions, files.", 2, 0)
    for path, field in [
        ("?sort=weight", "sort"),
        ("?level=x", "level"),
        ("?cursor=x", "cursor"),
        ("?rating=6", "rating"),
    ]:
        assert problem(studio.call("GET", f"/courses{path}", by=None)) == (400, "INVALID_INPUT", field)

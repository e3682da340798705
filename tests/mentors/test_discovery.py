"""The list of mentors, on the emulator: each combination of filters and orders against a plain computation."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.context import Context
from konnect.experts import listing, mentoring
from konnect.mentors import discovery
from konnect.mentors.discovery import Criteria
from konnect.store import Doc, measure
from tests.experts import world
from tests.mentors.conftest import Served
from tests.support import START, new_context

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
"""A Monday, 11:30 in India."""
COMPANIES = ("Google", "JPMorgan Chase", "")


def many(count: int, seed: int = 3) -> list[Doc]:
    rng = random.Random(seed)
    return [
        {
            "id": f"m{index:03}",
            "firebaseUid": f"m{index:03}",
            "name": f"Mentor {index}",
            "title": "Engineer",
            "company": rng.choice(COMPANIES),
            "specialties": rng.sample([*mentoring.AREAS, "Cooking"], rng.randint(0, 3)),
            "rating": (rating := rng.choice((0, 3, 4, 4.5, 5))),
            "ratingSum": int(rating * 4),
            "reviewCount": 4,
            "orders": rng.choice((0, 1, 10, 150)),
            "pricePerMin": 10,
            "pricePerMinPaise": 1000,
            "available": rng.random() < 0.4,
            "acceptsBookings": rng.random() < 0.8,
            "createdAt": START,
            # One in five has no prices: an expert who can't be booked.
            **({"pricing": {"30": p, "60": 2 * p}, "pricingPaise": {"30": p * 100, "60": p * 200}} if p else {}),
        }
        for index in range(count)
        for p in [rng.choice((0, 300, 499, 800, 1500))]
    ]


@pytest.fixture(scope="module")
def listed() -> tuple[Context, list[Doc]]:
    ctx = new_context()
    mentors = many(48)
    batch = ctx.db.client.batch()
    for mentor in mentors:
        batch.set(ctx.db.ref("listings", mentor["id"]), listing.of_profile(mentor))
    batch.commit()
    return ctx, mentors


def computed(mentors: list[Doc], criteria: Criteria) -> list[str]:
    def fits(mentor: Doc) -> bool:
        price = mentor.get("pricingPaise", {}).get("30")
        return (
            price is not None
            and (not criteria.expertise or bool(set(criteria.expertise) & set(mentor["specialties"])))
            and (not criteria.company or " ".join(criteria.company.lower().split()) == mentor["company"].lower())
            and (criteria.rating is None or mentor["rating"] >= criteria.rating)
            and (criteria.price_min_paise is None or price >= criteria.price_min_paise)
            and (criteria.price_max_paise is None or price <= criteria.price_max_paise)
        )

    keyed = [{**mentor, **mentoring.listing(mentor)} for mentor in mentors if fits(mentor)]
    order = discovery.ORDERS[criteria.sort]
    keyed.sort(key=lambda one: one["id"], reverse=order[-1][1] == "desc")
    for field, direction in reversed(order):
        keyed.sort(key=lambda one: one[field], reverse=direction == "desc")
    return [one["id"] for one in keyed]


def pages(ctx: Context, criteria: Criteria, limit: int, **more: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = discovery.find(ctx, criteria, limit=limit, cursor=cursor, number=None, now=NOW, **more)
        found += [one["id"] for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", list(discovery.ORDERS))
def test_every_combination(listed: tuple[Context, list[Doc]], sort: discovery.Sort) -> None:
    ctx, mentors = listed
    for expertise, company, rating, (low, high) in itertools.product(
        ((), ("DSA",), ("Frontend", "ML/AI", "DevOps")),
        ("", "google", "jpmorgan  CHASE"),
        (None, 4.0),
        ((None, None), (40000, 90000)),
    ):
        criteria = Criteria(expertise, company, low, high, rating, sort=sort)
        assert pages(ctx, criteria, 7) == computed(mentors, criteria), criteria


def test_a_page_costs_its_listings(listed: tuple[Context, list[Doc]]) -> None:
    ctx, _ = listed
    with measure() as cost:
        found = discovery.find(ctx, Criteria(sort="rating"), limit=10, cursor=None, number=None, now=NOW)
    assert (len(found.items), cost.reads) == (10, 11)


def test_pages_by_number(listed: tuple[Context, list[Doc]]) -> None:
    ctx, mentors = listed
    everyone = computed(mentors, Criteria())
    second = discovery.find(ctx, Criteria(), limit=5, cursor=None, number=2, now=NOW)
    assert [one["id"] for one in second.items] == everyone[5:10]
    third = discovery.find(ctx, Criteria(), limit=5, cursor=second.next_cursor, number=None, now=NOW)
    assert [one["id"] for one in third.items] == everyone[10:15]


@pytest.mark.parametrize(
    ("word", "sort"),
    [
        ("priceLowToHigh", "price_asc"),
        ("price-high", "price_desc"),
        ("-price", "price_desc"),
        ("price", "price_asc"),
        ("most-sessions", "sessions"),
        ("Relevance", "relevance"),
        ("rating", "rating"),
        ("moon", None),
    ],
)
def test_spellings_of_orders(word: str, sort: str | None) -> None:
    assert discovery.sort_of(word) == sort


def test_relevance_is_cautious_with_few_reviews() -> None:
    one_five = {"ratingSum": 5, "reviewCount": 1}
    many_fours = {"ratingSum": 192, "reviewCount": 40, "orders": 60}
    assert mentoring.relevance(many_fours) > mentoring.relevance(one_five) > mentoring.relevance({})
    assert mentoring.relevance({**many_fours, "acceptsBookings": False}) < mentoring.relevance({})


class TestOverHttp:
    def test_cards(self, served: Served) -> None:
        served.approved("asha")
        served.approved("ravi", name="Ravi Nair", expertise=["Frontend"], pricing={"60": 700})
        world.expert(served.ctx, "kabir")
        found = served.student.get("/api/mentors", sort="price_asc").json()
        assert [one["id"] for one in found["items"]] == ["asha", "ravi"]
        assert found["nextCursor"] is None
        [card, other] = found["items"]
        assert card["pricing"] == {"30": 499, "60": 899}
        assert (card["startingPrice"], other["startingPrice"]) == (499, 700)
        assert (card["slug"], card["company"], card["currentRole"], card["years"]) == ("asha-rao", "Google", "SDE-2", 6)
        assert not {"email", "phone", "linkedinUrl", "firebaseUid", "mentorKeys"} & set(card)
        for query, ids in (
            ({"expertise": "Frontend"}, ["ravi"]),
            ({"expertise": ["Frontend", "dsa"]}, ["asha", "ravi"]),
            ({"expertise": "ml-ai,system design"}, ["asha"]),
            ({"company": "GOOGLE", "expertise": "Frontend,DSA", "sort": "price"}, ["asha", "ravi"]),
            ({"company": "Acme"}, []),
            ({"priceMin": 500, "priceMax": 3000}, ["ravi"]),
            ({"rating": "4+"}, []),
            ({"rating": "0"}, ["asha", "ravi"]),
        ):
            answer = served.student.get("/api/mentors", **query)
            assert answer.status_code == 200, answer.text
            assert sorted(one["id"] for one in answer.json()["items"]) == ids, query

    def test_who_has_an_open_slot(self, served: Served) -> None:
        monday = _next_monday()
        served.approved("asha")
        served.approved("ravi", name="Ravi Nair", availability=[{"dayOfWeek": 2, "slots": []}])
        served.approved("kabir", name="Kabir")
        served.ctx.db.set(("experts", "kabir"), {"acceptsBookings": False}, merge=True)
        served.written("kabir")

        def open_on(day: datetime, **more: Any) -> list[str]:
            found = served.student.get("/api/mentors", availability=day.date().isoformat(), **more).json()
            return [one["id"] for one in found["items"]]

        assert open_on(monday) == ["asha"]
        assert open_on(monday + timedelta(days=1)) == []
        # 09:00 to 12:00 in India is Sunday evening in New York.
        assert open_on(monday - timedelta(days=1), tz="America/Los_Angeles") == ["asha"]
        assert open_on(monday, tz="America/Los_Angeles") == []
        # What is booked is not open: all of the morning.
        begins = monday + timedelta(hours=9)
        _reserve(served.ctx, "asha", begins, begins + timedelta(hours=3))
        assert open_on(monday) == []
        assert open_on(monday, page=1) == []

    def test_pages_of_who_has_an_open_slot(self, served: Served) -> None:
        for number in range(5):
            served.approved(f"m{number}", name=f"Mentor {number}", pricing={"30": 300 + number})
        query = {"availability": _next_monday().date().isoformat(), "sort": "price_asc", "limit": 2}
        found = served.student.get("/api/mentors", **query).json()
        assert [one["id"] for one in found["items"]] == ["m0", "m1"]
        rest = served.student.get("/api/mentors", **query, cursor=found["nextCursor"]).json()
        assert [one["id"] for one in rest["items"]] == ["m2", "m3"]
        third = served.student.get("/api/mentors", **query, page=3).json()
        assert ([one["id"] for one in third["items"]], third["nextCursor"]) == (["m4"], None)

    def test_what_an_open_slot_costs(self, served: Served) -> None:
        for number in range(4):
            served.approved(f"m{number}", name=f"Mentor {number}")
        day = _next_monday().date()
        with measure() as cost:
            found = discovery.find(served.ctx, Criteria(day=day), limit=20, cursor=None, number=None, now=clock.now())
        # A listing, the rules, and two days of the calendar each.
        assert (len(found.items), cost.reads) == (4, 16)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"expertise": "Cooking"}, "expertise.0"),
            ({"priceMin": "-1"}, "priceMin"),
            ({"priceMin": "10", "priceMax": "5"}, "query"),
            ({"rating": "6"}, "rating"),
            ({"availability": "tomorrow"}, "availability"),
            ({"tz": "Mars/Base"}, "tz"),
            ({"sort": "moon"}, "sort"),
            ({"limit": "101"}, "limit"),
            ({"page": "0"}, "page"),
            ({"cursor": "x"}, "cursor"),
        ],
    )
    def test_invalid(self, served: Served, query: dict[str, str], field: str) -> None:
        answer = served.student.get("/api/mentors", **query)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["details"][0]["field"] == field

    def test_anonymous(self, served: Served) -> None:
        assert served.nobody.get("/api/mentors").status_code == 401


def _next_monday() -> datetime:
    """Midnight of a Monday in India, two days ahead at least."""
    today = clock.now().astimezone(clock.INDIA).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return today + timedelta(days=-today.weekday() % 7)


def _reserve(ctx: Context, uid: str, begins: datetime, ends: datetime) -> None:
    from konnect.calendar import service as calendar

    wanted = calendar.Reservation("b1", begins.astimezone(UTC), ends.astimezone(UTC), "booking")
    ctx.run(lambda tx: calendar.reserve(tx, ["somebody", uid], wanted, now=clock.now()))

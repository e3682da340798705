"""The pure part of search: words, facets, and the query that a search becomes."""

from typing import Any

import pytest

from konnect.experts import search
from konnect.experts.search import Criteria

ASHA = {
    "name": "Asha Rao",
    "title": "Staff Engineer",
    "company": "Café Über GmbH",
    "bio": "C++, C# and Node.js. Internationalization of R&D.",
    "specialties": ["System Design", "Tech Interviews"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  -- !", []),
        ("Asha  RAO", ["asha", "rao"]),
        ("Café Über", ["cafe", "uber"]),
        ("Straße", ["strasse"]),
        ("C++, C# & Node.js", ["c++", "c#", "node", "js"]),
        ("+91 a+b #1 ++", ["91", "a+", "b", "1"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert search.words(text) == [search.words(word)[0] for word in expected]
    assert len(search.words(text)) == len(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("System Design", "system-design"),
        (" system   design ", "system-design"),
        ("C++", "cplusplus"),
        ("C#", "csharp"),
        ("UI/UX", "ui-ux"),
    ],
)
def test_specialty_id(name: str, expected: str) -> None:
    assert search.specialty_id(name) == expected


def test_a_specialty_in_another_script_has_an_id_too() -> None:
    one, other = search.specialty_id("करियर"), search.specialty_id("भाषा")
    assert one != other
    assert one.isascii()


def test_facets_are_every_beginning_of_every_word() -> None:
    found = search.facets(ASHA)
    assert len(found) == len(set(found))
    assert found[:3] == ["*", "s:system-design", "s:tech-interviews"]
    assert {"w:a", "w:as", "w:ash", "w:asha", "w:cafe", "w:c++", "w:js", "w:interviews", "w:d"} <= set(found)
    assert "w:internationa" in found
    assert not [facet for facet in found if len(facet) > 2 + search.PREFIX_MAX and facet.startswith("w:")]


def test_the_longest_profile_stays_within_firestores_limits() -> None:
    longest = {
        "name": "n" * 120,
        "specialties": [f"{index:03}" + "s" * 117 for index in range(20)],
        "bio": " ".join(f"{index:04}abcdefgh" for index in range(150)),
    }
    assert len(search.facets(longest)) <= search.FACETS_MAX
    assert search.FACETS_MAX * 9 < 40_000


@pytest.mark.parametrize(
    ("criteria", "facet", "words", "specialty", "order"),
    [
        (Criteria(), "*", (), None, "rating"),
        (Criteria(search="asha"), "w:asha", (), None, "rating"),
        (Criteria(search="as asha A"), "w:asha", (), None, "rating"),
        (Criteria(search="rao staff"), "w:staff", ("rao",), None, "rating"),
        (Criteria(search="internationalization"), "w:internationa", ("internationalization",), None, "rating"),
        (Criteria(specialty="System Design"), "s:system-design", (), None, "rating"),
        (Criteria(specialty="system-design", search="as"), "s:system-design", ("as",), None, "rating"),
        (Criteria(specialty="System Design", search="asha"), "w:asha", (), "system-design", "rating"),
        (Criteria(specialty="All"), "*", (), None, "rating"),
        (Criteria(specialty="--"), "*", (), None, "rating"),
        (Criteria(sort="online"), "*", (), None, "online"),
        (Criteria(sort="online", available=True), "*", (), None, "rating"),
        (Criteria(sort="price_desc", available=False), "*", (), None, "price_desc"),
    ],
)
def test_plan(
    criteria: Criteria, facet: str, words: tuple[str, ...], specialty: str | None, order: search.Sort
) -> None:
    plan = search.plan(criteria)
    assert plan.where[0] == ("facets", "array_contains", facet)
    assert (plan.words, plan.specialty_id) == (words, specialty)
    assert plan.order == search.ORDERS[order]
    assert plan.is_exact == (not words and specialty is None)


def test_filters_are_the_querys() -> None:
    plan = search.plan(Criteria(available=True, min_rating=4.5, max_price_paise=2000))
    assert plan.where[1:] == (("available", "==", True), ("rating", ">=", 4.5), ("pricePerMinPaise", "<=", 2000))


def test_every_range_filter_is_among_every_order() -> None:
    for order in search.ORDERS.values():
        assert {"rating", "pricePerMinPaise"} <= {field for field, _ in order}


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (Criteria(search="rao staf"), True),
        (Criteria(search="uber cafe engineer design"), True),
        (Criteria(search="internationalization"), True),
        (Criteria(search="internationality"), False),
        (Criteria(search="engineer python"), False),
        (Criteria(search="asha", specialty="tech interviews"), True),
        (Criteria(search="asha", specialty="tech"), False),
    ],
)
def test_what_the_index_leaves_is_checked(criteria: Criteria, found: bool) -> None:
    plan = search.plan(criteria)
    assert plan.where[0][2] in search.facets(ASHA)
    assert plan.matches(ASHA) is found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rating", "rating"),
        ("Rating-Desc", "rating"),
        ("price_asc", "price_asc"),
        ("price-low", "price_asc"),
        ("priceLowToHigh", "price_asc"),
        ("price", "price_asc"),
        ("-price", "price_desc"),
        ("price: high to low", "price_desc"),
        ("popular", "popularity"),
        ("online_first", "online"),
        ("", None),
        ("nonsense", None),
    ],
)
def test_sort_names(text: str, expected: str | None) -> None:
    assert search.sort_of(text) == expected


def test_empty_profiles() -> None:
    empty: dict[str, Any] = {"name": "Asha", "specialties": None, "bio": None}
    assert search.specialty_ids(empty) == []
    assert "w:asha" in search.facets(empty)

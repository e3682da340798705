"""Finding courses: what one can be found by, and the one query that answers a search. Pure.

A listing carries `keys`: each beginning of each of its words, and each combination of what one filters by. Every query
asks for one of them, be it the key that all have; so an index an order serves them all (docs/search.md). Further words,
or filters beside a word, are checked on the listings that the index gives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from konnect.experts.search import PREFIX_MAX, WORDS_MAX, specialty_id, words

Sort = Literal["newest", "popular", "rating", "price_asc", "price_desc"]
Level = Literal["beginner", "intermediate", "advanced", "all"]

EVERY = "*"
FEATURED = "featured"
LEVELS: tuple[Level, ...] = ("beginner", "intermediate", "advanced")
RARE_LETTERS = 3
"""A word with fewer letters finds more than a filter does."""
KEYS_MAX = 3000
"""Below Firestore's 40,000 index entries a document, with each key in five indexes. The description's last words give
way."""

# Each order has the fields of both ranges, so that it needs one index.
ORDERS: dict[Sort, tuple[tuple[str, str], ...]] = {
    "newest": (("publishedAt", "desc"), ("rating", "desc"), ("pricePaise", "asc")),
    "popular": (("enrolledCount", "desc"), ("rating", "desc"), ("pricePaise", "asc")),
    "rating": (("rating", "desc"), ("pricePaise", "asc")),
    "price_asc": (("pricePaise", "asc"), ("rating", "desc")),
    "price_desc": (("pricePaise", "desc"), ("rating", "desc")),
}
_ALIASES: dict[Sort, tuple[str, ...]] = {
    "newest": ("new", "latest", "recent", "createdat", "-createdat", "publishedat", "-publishedat"),
    "popular": ("popularity", "mostpopular", "-popularity", "enrollments", "-enrolledcount", "students", "relevance"),
    "rating": ("-rating", "toprated", "highestrated", "ratingdesc"),
    "price_asc": ("price", "pricelow", "pricelowtohigh", "lowtohigh", "cheapest"),
    "price_desc": ("-price", "pricehigh", "pricehightolow", "hightolow"),
}
_SORTS: dict[str, Sort] = {
    alias: sort for sort, aliases in _ALIASES.items() for alias in (sort.replace("_", ""), *aliases)
}


@dataclass(frozen=True)
class Criteria:
    """What is searched for; None and "" ask for nothing. `instructor`: an expert's id."""

    search: str = ""
    category: str | None = None
    level: Level | None = None
    language: str | None = None
    instructor: str | None = None
    min_rating: float | None = None
    min_price_paise: int | None = None
    max_price_paise: int | None = None
    sort: Sort = "newest"
    featured: bool = False


@dataclass(frozen=True)
class Plan:
    """One indexed query, and the keys that are left to be checked of each listing that it gives."""

    where: tuple[tuple[str, str, Any], ...]
    order: tuple[tuple[str, str], ...]
    left: frozenset[str] = frozenset()

    def matches(self, listing: Mapping[str, Any]) -> bool:
        return self.left <= set(listing["keys"])


def sort_of(text: str) -> Sort | None:
    """The order that a frontend's word stands for ("price_asc", "price-low", "-createdAt"), or None."""
    lowered = text.strip().lower()
    plain = "".join(character for character in lowered if character.isalnum())
    return _SORTS.get(("-" if lowered.startswith("-") else "") + plain)


def keys(course: Mapping[str, Any]) -> list[str]:
    """All that a course is found by."""
    levels = LEVELS if course["level"] == "all" else (course["level"],)
    choices = (
        (None, course["category"]),
        (None, *levels),
        (None, course["language"]),
        (None, course["instructor"]["id"]),
    )
    found = dict.fromkeys(_filter_key(*each) for each in product(*choices))
    if course["isFeatured"]:
        found[FEATURED] = None
    for word in words(" ".join(_texts(course))):
        for size in range(1, min(len(word), PREFIX_MAX) + 1):
            found[_word_key(word[:size])] = None
            if len(found) >= KEYS_MAX:
                return list(found)
    return list(found)


def plan(criteria: Criteria) -> Plan:
    """The query for a search: by the key that finds the fewest, as far as can be told without asking."""
    typed = sorted(words(criteria.search)[:WORDS_MAX], key=len, reverse=True)
    wanted = [_word_key(word) for word in typed]
    filtered = _filter_key(
        criteria.category or None, criteria.level, criteria.language or None, criteria.instructor or None
    )
    if filtered != EVERY:
        # Long words are rare ones.
        wanted.insert(0 if not typed or len(typed[0]) < RARE_LETTERS else len(wanted), filtered)
    if criteria.featured:
        wanted.insert(0, FEATURED)
    first, *others = wanted or [EVERY]
    where: list[tuple[str, str, Any]] = [("keys", "array_contains", first)]
    if criteria.min_rating is not None:
        where.append(("rating", ">=", criteria.min_rating))
    if criteria.min_price_paise is not None:
        where.append(("pricePaise", ">=", criteria.min_price_paise))
    if criteria.max_price_paise is not None:
        where.append(("pricePaise", "<=", criteria.max_price_paise))
    return Plan(tuple(where), ORDERS[criteria.sort], frozenset(others) - {first})


def _filter_key(category: str | None, level: str | None, language: str | None, instructor: str | None) -> str:
    named = {
        "category": category and specialty_id(category),
        "level": level if level != "all" else None,
        "language": language and specialty_id(language),
        "instructor": instructor,
    }
    return "&".join(f"{name}={value}" for name, value in named.items() if value) or EVERY


def _word_key(word: str) -> str:
    """Longer words are found by their first letters."""
    return f"~{word[:PREFIX_MAX]}"


def _texts(course: Mapping[str, Any]) -> Iterable[str]:
    """What matters most comes first."""
    return (
        course["title"],
        *course["tags"],
        course["category"],
        course["instructor"]["name"] or "",
        course["description"],
    )

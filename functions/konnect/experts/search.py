"""Searching experts: what a profile can be found by, and the one query that answers a search. Pure.

A listing carries `specialtyIds` and `prefixes`, each beginning of each of its words. A query asks for at most one value
of one of them (Firestore has no more), with the range filters and the order beside it. So for each of the three ways,
no value or one of either, an index an order and one with `available` serve every combination. What one value can't
say, further words or a specialty beside a word, `Plan.matches` checks on the listings that the index gives.
docs/search.md has the reasons.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from konnect import ids

Sort = Literal["rating", "price_asc", "price_desc", "popularity", "online"]

PREFIX_MAX = 12
"""Longer words are found by their first letters, then compared whole."""
WORDS_MAX = 8
"""Of a search; what is typed beyond them is ignored."""
PREFIXES_MAX = 3000
"""Below Firestore's 40,000 index entries a document, with each prefix in eight indexes. No usual profile comes near."""
TEXTS = ("name", "title", "company", "bio")
ANY_SPECIALTY = {"all", "any"}

# Ties are broken by what else matters, so each order is whole whatever the filters, and needs one index.
ORDERS: dict[Sort, tuple[tuple[str, str], ...]] = {
    "rating": (("rating", "desc"), ("pricePerMinPaise", "asc")),
    "price_asc": (("pricePerMinPaise", "asc"), ("rating", "desc")),
    "price_desc": (("pricePerMinPaise", "desc"), ("rating", "desc")),
    "popularity": (("orders", "desc"), ("rating", "desc"), ("pricePerMinPaise", "asc")),
    "online": (("available", "desc"), ("rating", "desc"), ("pricePerMinPaise", "asc")),
}
_ALIASES: dict[Sort, tuple[str, ...]] = {
    "rating": ("toprated", "ratingdesc", "highestrated", "-rating", "relevance", "recommended"),
    "price_asc": ("price", "pricelow", "pricelowtohigh", "lowtohigh", "lowprice", "cheapest", "pricepermin"),
    "price_desc": ("-price", "pricehigh", "pricehightolow", "hightolow", "highprice", "-pricepermin"),
    "popularity": ("popular", "mostpopular", "orders", "ordersdesc", "-orders", "sessions"),
    "online": ("onlinefirst", "available", "availability", "availablefirst"),
}
_SORTS: dict[str, Sort] = {
    alias: sort for sort, aliases in _ALIASES.items() for alias in (sort.replace("_", ""), *aliases)
}


@dataclass(frozen=True)
class Criteria:
    """What is searched for; None and "" ask for nothing."""

    search: str = ""
    specialty: str | None = None
    available: bool | None = None
    min_rating: float | None = None
    max_price_paise: int | None = None
    sort: Sort = "rating"


@dataclass(frozen=True)
class Plan:
    """One indexed query, and what is left to be checked of each listing that it gives."""

    where: tuple[tuple[str, str, Any], ...]
    order: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ()
    specialty_id: str | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the index alone answers."""
        return not self.words and self.specialty_id is None

    def matches(self, listing: Mapping[str, Any]) -> bool:
        """Whether a listing that the query gives is one that was searched for."""
        if self.specialty_id is not None and self.specialty_id not in specialty_ids(listing):
            return False
        if not self.words:
            return True
        found = set(_words_of(listing))
        return all(any(word.startswith(wanted) for word in found) for wanted in self.words)


def sort_of(text: str) -> Sort | None:
    """The order that a frontend's word stands for ("price_asc", "price-low", "priceLowToHigh"), or None."""
    lowered = text.strip().lower()
    plain = "".join(character for character in lowered if character.isalnum())
    return _SORTS.get(("-" if lowered.startswith("-") else "") + plain)


def words(text: str) -> list[str]:
    """The words of a text as they are compared: lower case, without accents; C++ and C# are words."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = [
        # Marks of other scripts are letters' parts; those of Latin letters are accents.
        "" if "\u0300" <= character <= "\u036f" else character if _is_of_word(character) else " "
        for character in plain
    ]
    # A sign counts at a word's end: "+91" is 91, "a+b" is two words.
    return [word for part in "".join(kept).split() for word in re.findall(r"[^+#]+[+#]*", part)]


def specialty_id(name: str) -> str:
    """The id of a specialty, the same however its name is written: "System  Design" → "system-design"."""
    joined = "-".join(words(name)).replace("+", "plus").replace("#", "sharp")
    return joined if ids.valid(joined) else ids.digest("specialty", joined)


def specialty_ids(profile: Mapping[str, Any]) -> list[str]:
    """The specialties of a profile, each once, in its order."""
    return list(dict.fromkeys(specialty_id(name) for name in profile.get("specialties") or [] if words(name)))


def prefixes(profile: Mapping[str, Any]) -> list[str]:
    """Each beginning of each word. Name and specialties come first, so the limit would cut the bio's last words."""
    found: dict[str, None] = {}
    for word in _words_of(profile):
        for size in range(1, min(len(word), PREFIX_MAX) + 1):
            found[word[:size]] = None
            if len(found) >= PREFIXES_MAX:
                return list(found)
    return list(found)


def plan(criteria: Criteria) -> Plan:
    """The query for a search: by the value that finds the fewest, as far as can be told without asking."""
    wanted = _distinct(words(criteria.search)[:WORDS_MAX])
    specialty = criteria.specialty if criteria.specialty and words(criteria.specialty) else None
    if specialty is not None and specialty.strip().lower() in ANY_SPECIALTY:
        specialty = None
    wanted_id = specialty_id(specialty) if specialty is not None else None
    # Long words are rare ones. A letter or two finds more than a specialty does.
    word = max(wanted, key=len, default="")
    left = [other for other in wanted if other != word or len(word) > PREFIX_MAX]
    where: list[tuple[str, str, Any]] = []
    if wanted_id is not None and len(word) < 3:
        where.append(("specialtyIds", "array_contains", wanted_id))
        left, wanted_id = wanted, None
    elif word:
        where.append(("prefixes", "array_contains", word[:PREFIX_MAX]))
    sort = criteria.sort
    if criteria.available is not None:
        where.append(("available", "==", criteria.available))
        # All of them are online, or none is.
        sort = "rating" if sort == "online" else sort
    if criteria.min_rating is not None:
        where.append(("rating", ">=", criteria.min_rating))
    if criteria.max_price_paise is not None:
        where.append(("pricePerMinPaise", "<=", criteria.max_price_paise))
    return Plan(tuple(where), ORDERS[sort], tuple(left), wanted_id)


def _words_of(profile: Mapping[str, Any]) -> Iterator[str]:
    for text in (profile.get("name"), *(profile.get("specialties") or []), *(profile.get(name) for name in TEXTS[1:])):
        if text:
            yield from words(text)


def _distinct(wanted: list[str]) -> list[str]:
    """Without those that another one implies: "sys" beside "system"."""
    kept: list[str] = []
    for word in sorted(set(wanted), key=lambda word: (-len(word), word)):
        if not any(other.startswith(word) for other in kept):
            kept.append(word)
    return kept


def _is_of_word(character: str) -> bool:
    return character in "+#" or unicodedata.category(character)[0] in "LNM"

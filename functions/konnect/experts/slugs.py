"""slugs/{slug}: {expertId, createdAt}: the addresses of mentors' pages. No client reads it.

The document's id is the slug, and it is made by *create*: of two who want one, one gets it. A slug stays its mentor's
when it is changed, so that old links lead on; `slug` on experts/{id} is the one that holds.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime

from konnect.errors import BadRequest, Conflict
from konnect.store import Database, Doc, Query, Tx

COLLECTION = "slugs"
LENGTH_MAX = 60
OWN_MAX = 10
"""Of one mentor, with those that only lead on: nobody takes all good names."""
RESERVED = frozenset(
    {"health", "dashboard", "profile", "apply", "availability", "toggle-bookings", "payout-details", "me"}
)
"""What is something else at /api/mentors, or on the pages."""
NAMELESS = "mentor"
NUMBERS = range(2, 10)
_VOWELS = {"AA": "a", "II": "i", "UU": "u", "EE": "e", "OO": "o", "VOCALIC R": "ri", "VOCALIC RR": "ri"}
_CONSONANTS = {"c": "ch", "sha": "sh", "ssa": "sh"}
_SIGNS = {"ANUSVARA": "n", "CANDRABINDU": "n", "BINDI": "n", "TIPPI": "n", "VISARGA": "h"}
_LATIN = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})


def of_name(name: str, *, nameless: str = NAMELESS) -> str:
    """The slug that a name makes: "Zoë O'Neill" → "zoe-o-neill", "आशा राव" → "asha-rav". Pure."""
    latin = "".join(_latin(name)).casefold().translate(_LATIN)
    plain = "".join(one for one in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(one))
    return "-".join(re.findall("[a-z0-9]+", plain))[:LENGTH_MAX].strip("-") or nameless


def candidates(name: str, spare: str) -> Iterator[str]:
    """The slugs of a name in the order in which they are tried: with small numbers, then with `spare`. Pure."""
    base = of_name(name)
    yield base
    room = base[: LENGTH_MAX - len(spare) - 1]
    for number in NUMBERS:
        yield f"{room}-{number}"
    yield f"{room}-{spare.lower()}"


def ensure(tx: Tx, expert_id: str, name: str, spare: str, *, now: datetime) -> str:
    """The mentor's slug; who has none gets the first of the name that is free. `spare`: a few random letters.

    Raises Conflict (SLUG_TAKEN) should even that one be taken.
    """
    current = (tx.get("experts", expert_id) or {}).get("slug")
    if current:
        return str(current)
    for slug in candidates(name, spare):
        if _is_free(tx, slug, expert_id):
            _take(tx, slug, expert_id, now)
            return slug
    raise Conflict("there is no slug left for that name", code="SLUG_TAKEN")


def rename(tx: Tx, expert_id: str, slug: str, *, now: datetime) -> None:
    """Give a mentor another slug; the one before leads on to it. Back to an own one is fine, too.

    Raises BadRequest (slug: reserved), Conflict (SLUG_TAKEN, TOO_MANY_SLUGS).
    """
    if (tx.get("experts", expert_id) or {}).get("slug") == slug:
        return
    if slug in RESERVED:
        raise BadRequest.field("slug", "is reserved")
    if not _is_free(tx, slug, expert_id):
        raise Conflict("somebody else has that slug", code="SLUG_TAKEN")
    if tx.get(COLLECTION, slug) is None and tx.count(_of(expert_id)) >= OWN_MAX:
        raise Conflict(f"a mentor has {OWN_MAX} slugs at most, former ones too", code="TOO_MANY_SLUGS")
    _take(tx, slug, expert_id, now)


def owner(db: Database, slug: str) -> str | None:
    """The id of the mentor whose slug it is or was."""
    found = db.get(COLLECTION, slug)
    return None if found is None else str(found["expertId"])


def release(tx: Tx, expert_id: str) -> None:
    """Give up all slugs of a mentor who is no more."""
    if tx.get("experts", expert_id) is None:
        for found in tx.query(_of(expert_id)):
            tx.delete((COLLECTION, found["id"]))


def _of(expert_id: str) -> Query:
    return Query((COLLECTION,)).filter("expertId", "==", expert_id)


def _is_free(tx: Tx, slug: str, expert_id: str) -> bool:
    """Whether a mentor can have it: it is nobody else's, and no other profile's id, which pages are found by too."""
    if slug in RESERVED:
        return False
    tx.prefetch((COLLECTION, slug), ("experts", slug))
    found: Doc = tx.get(COLLECTION, slug) or {}
    return found.get("expertId", expert_id) == expert_id and (slug == expert_id or tx.get("experts", slug) is None)


def _take(tx: Tx, slug: str, expert_id: str, now: datetime) -> None:
    if tx.get(COLLECTION, slug) is None:
        tx.create((COLLECTION, slug), {"expertId": expert_id, "createdAt": now})
    tx.update(("experts", expert_id), {"slug": slug, "updatedAt": now})


def _latin(text: str) -> Iterator[str]:
    """Letters of Indian scripts by what Unicode calls them ("DEVANAGARI LETTER KA"); other characters as they are."""
    text = unicodedata.normalize("NFC", text)
    inherent = ""
    for one in text:
        _, _, kind = unicodedata.name(one, "").partition(" ")
        if kind.startswith("LETTER ") and not one.isascii() and unicodedata.category(one) == "Lo":
            yield inherent
            sound, inherent = _letter(kind.removeprefix("LETTER "))
            yield sound
        elif kind.startswith("VOWEL SIGN "):
            inherent = ""
            yield _vowel(kind.removeprefix("VOWEL SIGN "))
        elif kind == "SIGN VIRAMA":
            inherent = ""
        elif unicodedata.category(one) in {"Mn", "Mc"}:
            yield inherent + _SIGNS.get(kind.rpartition(" ")[2], "")
            inherent = inherent if kind == "SIGN NUKTA" else ""
        else:
            # At a word's end the vowel that a consonant carries is silent.
            inherent = ""
            yield one


def _letter(name: str) -> tuple[str, str]:
    """What a letter sounds like, and the vowel that it carries until a sign takes that away."""
    if name[0] in "AEIOU" or name.startswith("VOCALIC"):
        return _vowel(name), ""
    sound = name.rpartition(" ")[2].lower()
    for stem, latin in _CONSONANTS.items():
        if sound in {stem, f"{stem}a"}:
            return latin, "a"
    if not sound.endswith("a"):
        return sound, ""
    # TTA, DDA, NNA are sounds that Latin letters don't tell from TA, DA, NA.
    return re.sub(r"^(.)\1+", r"\1", sound[:-1]), "a"


def _vowel(name: str) -> str:
    return _VOWELS.get(name, name.rpartition(" ")[2].lower())

"""Skills: what one is called, and the key that tells whether two names are the same. Pure."""

import unicodedata
from collections.abc import Iterable
from typing import Literal, get_args

from konnect.store import Doc

Level = Literal["beginner", "intermediate", "advanced", "expert"]
LEVELS: tuple[Level, ...] = get_args(Level)
MAX_SKILLS = 30
"""Of each list; as many as Firestore takes in one `in`."""
MAX_NAME = 60
MAX_KEY = 200
"""One sign may become many; Firestore compares 1,500 bytes at most."""


def key(name: str) -> str:
    """ "Python", "ＰＹＴＨＯＮ " and "python" are one skill."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:MAX_KEY]


def keys(names: Iterable[str]) -> list[str]:
    return [key(name) for name in names]


def distinct(names: Iterable[str]) -> list[str]:
    """The names in their order, each skill once: as it was written first."""
    return list({key(name): name for name in reversed(list(names))}.values())[::-1]


def with_counts(given: Iterable[Doc], counts: dict[str, int]) -> list[Doc]:
    """A member's skills as they are kept: {name, level, endorsements}, each once; `counts` by key."""
    kept: dict[str, Doc] = {}
    for skill in given:
        of = key(skill["name"])
        kept.setdefault(of, {"name": skill["name"], "level": skill["level"], "endorsements": counts.get(of, 0)})
    return list(kept.values())

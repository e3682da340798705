"""Matches: who teaches what one wants to learn, by the score of `matching`."""

import base64
import binascii

from konnect.errors import BadRequest
from konnect.members import service as members
from konnect.members import skills
from konnect.store import Database, Doc

from . import matching, repository
from .matching import Score

CANDIDATES_MAX = 200
"""So many of those who teach one of the skills, the best rated, are scored."""

Place = tuple[float, str]
"""Of a match in the list: the score, negative, then the uid."""


def of_member(
    db: Database, uid: str, *, offered: str | None, desired: str | None, limit: int, cursor: str | None
) -> tuple[list[tuple[Doc, Score]], str | None]:
    """A page of members with their scores, the best first, and the next one's cursor. A skill that is not given is
    those of the caller's own profile. Raises BadRequest for a cursor of another list."""
    after = _decode(cursor) if cursor else None
    own = members.read(db, uid) or {"offeredKeys": [], "desiredKeys": []}
    offers = own["offeredKeys"] if offered is None else [skills.key(offered)]
    desires = own["desiredKeys"] if desired is None else [skills.key(desired)]
    if not desires:
        return [], None
    found = repository.candidates(db, desires[: skills.MAX_SKILLS], limit=CANDIDATES_MAX)
    scored = [(one, matching.score(one, offered=offers, desired=desires)) for one in found if one["id"] != uid]
    scored.sort(key=_place)
    rest = [one for one in scored if after is None or _place(one) > after]
    shown = rest[:limit]
    return shown, _encode(_place(shown[-1])) if len(rest) > limit else None


def _place(one: tuple[Doc, Score]) -> Place:
    member, score = one
    return -score.total, member["id"]


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}~{place[1]}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> Place:
    try:
        number, _, uid = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("~")
        return float(number), uid
    except (ValueError, binascii.Error) as error:
        raise BadRequest.field("cursor", "is not a cursor of this list") from error

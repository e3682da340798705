"""How well two members suit each other: SkillVerse's match score (its document, 10.3), to the point. Pure.

40 for skills that fit both ways, 20 for the rating, 15 for experience, 15 for availability, 10 for answering requests.
"""

from collections.abc import Collection
from dataclasses import dataclass

from konnect.store import Doc

SKILLS, RATING, EXPERIENCE, AVAILABILITY, RESPONSES = 40, 20, 15, 15, 10
"""The most that each part gives: 100 together."""
BEST_RATING = 5
PER_EXCHANGE = 3
UNAVAILABLE = 5
"""For who has said no times."""


@dataclass(frozen=True)
class Score:
    """Points a part. `gets` and `gives`: keys of the skills that fit, of the other's offer and of the own."""

    skills: float
    rating: float
    experience: float
    availability: float
    responses: float
    gets: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        whole = self.skills + self.rating + self.experience + self.availability + self.responses
        return round(whole, 2)


def score(member: Doc, *, offered: Collection[str], desired: Collection[str]) -> Score:
    """Of a member (members/{uid}) for one who offers and desires skills, by their keys: any of these, for a profile
    with several; the document's score is that of one each."""
    gets = tuple(key for key in member["offeredKeys"] if key in desired)
    gives = tuple(key for key in member["desiredKeys"] if key in offered)
    return Score(
        skills=SKILLS if gets and gives else 0,
        rating=round(member["exchangeRating"]["average"] / BEST_RATING * RATING, 2),
        experience=min(member["completedExchanges"] * PER_EXCHANGE, EXPERIENCE),
        availability=AVAILABILITY if member["availability"] else UNAVAILABLE,
        responses=round(response_rate(member) * RESPONSES, 2),
        gets=gets,
        gives=gives,
    )


def response_rate(member: Doc) -> float:
    """The part of the requests to a member that they have answered, of those whose time is over; 1 before the first,
    as the document has it for everybody."""
    requests = member.get("exchangeRequests") or {}
    received: int = requests.get("received", 0)
    return requests.get("answered", 0) / received if received else 1.0

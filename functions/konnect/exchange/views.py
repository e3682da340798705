"""Exchanges, matches and people as their readers see them. Pure."""

from collections.abc import Mapping
from typing import Any

from konnect.members import skills
from konnect.store import Doc

from . import matching
from .matching import Score


def exchange(found: Doc, members: Mapping[str, Doc | None]) -> dict[str, Any]:
    """`members`: the public profiles of its people, by uid; None or absent: gone."""
    requester, provider = found["requesterId"], found["providerId"]
    is_met = found["acceptedAt"] is not None
    return {
        **{name: found[name] for name in _SHOWN},
        "requester": person(requester, members.get(requester), found["requesterName"]),
        "provider": provider and person(provider, members.get(provider), found["providerName"]),
        "conversationId": found["id"] if is_met else None,
        "milestones": [{**one, "isDone": one["doneAt"] is not None} for one in found["milestones"]],
        "feedback": [{"by": by, **given} for by, given in sorted(found["feedback"].items())],
    }


_SHOWN = (
    *("id", "status", "offeredSkill", "requestedSkill", "message", "terms", "sessions", "completedBy", "endReason"),
    *("endedBy", "note", "createdAt", "expiresAt", "acceptedAt", "endedAt"),
)


def person(uid: str, member: Doc | None, name: str) -> dict[str, Any]:
    """`name`: for one who is gone."""
    rating = (member or {}).get("exchangeRating") or {"average": 0, "count": 0}
    return {
        "id": uid,
        "name": (member or {}).get("name") or name,
        "profileImage": (member or {}).get("profileImage"),
        "rating": {"average": rating["average"], "count": rating["count"]},
        "completedExchanges": (member or {}).get("completedExchanges", 0),
    }


def match(member: Doc, score: Score) -> dict[str, Any]:
    return {
        "user": {
            **person(member["id"], member, member["name"]),
            "bio": member["bio"],
            "offeredSkills": member["offeredSkills"],
            "desiredSkills": member["desiredSkills"],
            "responseRate": round(matching.response_rate(member), 2),
        },
        "score": score.total,
        "parts": {
            "skills": score.skills,
            "rating": score.rating,
            "experience": score.experience,
            "availability": score.availability,
            "responses": score.responses,
        },
        "teaches": [name for name in member["offeredSkills"] if skills.key(name) in score.gets],
        "wants": [name for name in member["desiredSkills"] if skills.key(name) in score.gives],
    }

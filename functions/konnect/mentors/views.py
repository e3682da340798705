"""Mentors as the API shows them: from a profile, or from its listing. Pure."""

from typing import Any

from konnect.experts import mentoring, preferences
from konnect.experts.service import TIME_ZONE
from konnect.money import rupees
from konnect.store import Doc

from . import stopping


def card(mentor: Doc) -> dict[str, Any]:
    """Of a profile, or a listing, with its id."""
    starting_paise = mentoring.starting_price_paise(mentor)
    pricing = mentor.get("pricing") or {}
    return {
        "id": mentor["id"],
        "slug": mentor.get("slug"),
        "name": mentor["name"],
        "headline": mentor.get("title"),
        "photo": mentor.get("imageUrl"),
        "company": mentor.get("company") or None,
        "currentRole": mentor.get("currentRole") or None,
        "years": mentor.get("experience"),
        "expertise": mentoring.expertise(mentor),
        "sessionTopics": mentor.get("topics") or list(mentoring.DEFAULT_TOPICS),
        "languages": mentor.get("languages") or [],
        "pricing": {"30": pricing.get("30"), "60": pricing.get("60")} if pricing else None,
        "startingPrice": None if starting_paise is None else rupees(starting_paise),
        "rating": mentor.get("rating") or 0,
        "reviewCount": mentor.get("reviewCount") or 0,
        "totalSessions": mentor.get("orders") or 0,
        "repeatStudentRate": mentor.get("repeatStudentRate") or 0,
        "responseMins": mentor.get("responseMins"),
        # Only the approved are listed or shown to others.
        "verified": mentor.get("mentorStatus", "approved") == "approved",
        "isOnline": bool(mentor.get("available")),
        "isAcceptingBookings": starting_paise is not None and preferences.bookable(mentor),
    }


def page(expert: Doc) -> dict[str, Any]:
    """Of a profile with its id."""
    shown = card(expert)
    return {
        **shown,
        "bio": expert.get("bio"),
        "experience": {
            "currentCompany": shown["company"],
            "currentRole": shown["currentRole"],
            "years": shown["years"],
            "past": expert.get("pastRoles") or [],
        },
        "timeZone": expert.get("timeZone") or TIME_ZONE,
        "createdAt": expert["createdAt"],
    }


def own(expert: Doc) -> dict[str, Any]:
    """Of a profile with its private part (`onboardingData`)."""
    private = expert["onboardingData"]
    status = expert["mentorStatus"]
    return {
        **page(expert),
        "mentorStatus": status,
        "applicationStatus": mentoring.applied(status),
        "applicationNote": private.get("rejectionReason") if status == "rejected" else None,
        "linkedinUrl": private.get("linkedinUrl"),
        "email": private.get("email"),
        **stopping.view(private),
    }

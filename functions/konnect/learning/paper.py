"""A certificate as words and as paper."""

from typing import Any

from konnect import clock
from konnect.config import Settings
from konnect.documents.certificate import certificate as drawn
from konnect.store import Doc

from .certificates import shown_code

BRAND = "SkillVerse"
PATH = "/api/v1/certificates"


def view(certificate: Doc) -> dict[str, Any]:
    """As everybody may see it who has its code."""
    code = certificate["id"]
    return {
        **certificate,
        "code": shown_code(code),
        "learnerName": certificate["userName"],
        "isValid": certificate["status"] == "valid",
        "pdfUrl": f"{PATH}/{code}/pdf",
    }


def pdf(certificate: Doc, settings: Settings) -> bytes:
    """What it says never changes, but for a name that was erased."""
    code = certificate["id"]
    day = clock.business_day(certificate["completedAt"])
    return drawn(
        "Certificate of completion",
        said="This is to certify that",
        name=certificate["userName"],
        has="has completed the course",
        what=certificate["courseTitle"],
        facts=[
            ("Completed on", f"{day.day} {day:%B %Y}"),
            ("Instructor", certificate["instructorName"]),
            ("Certificate number", shown_code(code)),
        ],
        note=f"Whether it is genuine says {settings.app_url.rstrip('/')}{PATH}/{code}",
        created=certificate["issuedAt"],
        brand=BRAND,
    )

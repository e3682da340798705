"""/api/v1/certificates: one's own, and whether somebody's is genuine."""

from typing import Any

from flask import Response

from konnect.errors import Conflict
from konnect.http import pdf_files
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, NumberedQuery

from . import certificates, paper
from .schemas import IssuedCertificate

router = Router("Learning")


@router.get("/api/v1/certificates", response=Listing[IssuedCertificate])
def list_certificates(call: Call, query: NumberedQuery) -> dict[str, Any]:
    """List the caller's certificates, the newest first."""
    found = certificates.of_learner(
        call.ctx.db, call.user.uid, limit=query.limit, cursor=query.cursor, number=query.page
    )
    return {"items": [paper.view(one) for one in found.items], "nextCursor": found.next_cursor}


@router.get("/api/v1/certificates/<certificate_id>", response=IssuedCertificate, auth="public", errors=(404,))
def verify_certificate(call: Call, certificate_id: str) -> dict[str, Any]:
    """Check a certificate: whose it is, for which course, and whether it is valid. The id is its number, as it is
    printed or without the hyphens; it can't be guessed.
    """
    return paper.view(certificates.find(call.ctx.db, certificate_id))


@router.get(
    "/api/v1/certificates/<certificate_id>/pdf", auth="public", errors=(404, 409), documentation=pdf_files.DOCUMENTATION
)
def certificate_pdf(call: Call, certificate_id: str) -> Response:
    """A certificate as a PDF, for whoever has its number. 409 CERTIFICATE_REVOKED for one that was revoked."""
    found = certificates.find(call.ctx.db, certificate_id)
    if found["status"] != "valid":
        raise Conflict("this certificate was revoked", code="CERTIFICATE_REVOKED")
    return pdf_files.answer(call.request, f"certificate-{found['id']}", paper.pdf(found, call.ctx.settings))

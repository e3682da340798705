"""/api/admin/mentor-applications: deciding who becomes an expert."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.store import Doc
from konnect.uploads.schemas import StoredFile

from . import applications, files, mentoring, profiles
from .application_schemas import Application, ApplicationsQuery, ApplicationStatus, MovedApplication, Rejection

router = Router("Admin")


@router.get("/api/admin/mentor-applications", response=Listing[Application], auth="admin")
def list_applications(call: Call, query: ApplicationsQuery) -> dict[str, Any]:
    """List applications, newest first: those that wait for a decision, or those of one status."""
    found = applications.listed(
        call.ctx.db, status=query.status, search=query.search, limit=query.limit, cursor=query.cursor
    )
    return {"items": [_view(application) for application in found.items], "nextCursor": found.next_cursor}


@router.put(
    "/api/admin/mentor-applications/<application_id>/status",
    response=MovedApplication,
    auth="admin",
    errors=(404, 409, 503),
)
def set_status(call: Call, application_id: str, body: ApplicationStatus) -> dict[str, Any]:
    """Move an application along the pipeline.

    applied → documents_verified → call_scheduled → call_done → approved or rejected. Approving or rejecting earlier is
    an express move, and recorded as one; nothing else can be skipped (409 INVALID_TRANSITION names what is allowed). A
    rejection needs its reason, a call its time; sent again with another time, the call is moved. The applicant is
    notified and mailed; an approval gives the role `expert`.
    """
    moved = applications.decide(
        call.ctx,
        application_id,
        body.status,
        by=call.user.uid,
        reason=body.rejection_reason,
        notes=body.admin_notes,
        call_at=body.call_scheduled_at,
        now=call.now,
    )
    return {**_view(moved.application), "refreshToken": moved.move.after == "approved"}


@router.put("/api/admin/mentors/<mentor_id>/approve", response=MovedApplication, auth="admin", errors=(404, 409, 503))
def approve_mentor(call: Call, mentor_id: str) -> dict[str, Any]:
    """Approve a mentor's application, at whichever step it is. The mentor is told, gets the role, and is listed."""
    moved = applications.decide(call.ctx, mentor_id, "approved", by=call.user.uid, now=call.now)
    return {**_view(moved.application), "refreshToken": True}


@router.put("/api/admin/mentors/<mentor_id>/reject", response=MovedApplication, auth="admin", errors=(404, 409, 503))
def reject_mentor(call: Call, mentor_id: str, body: Rejection) -> dict[str, Any]:
    """Reject a mentor's application, with the reason, which the applicant is told."""
    moved = applications.decide(call.ctx, mentor_id, "rejected", by=call.user.uid, reason=body.reason, now=call.now)
    return {**_view(moved.application), "refreshToken": False}


@router.get(
    "/api/admin/mentor-applications/<application_id>/resume", response=StoredFile, auth="admin", errors=(404, 503)
)
def read_resume(call: Call, application_id: str) -> dict[str, Any]:
    """A URL to read an applicant's résumé by, for ten minutes."""
    application = call.ctx.run(lambda tx: profiles.get(tx, application_id))
    return files.resume(call.ctx, application, now=call.now)


def _view(application: Doc) -> dict[str, Any]:
    return {
        **application,
        "email": application["onboardingData"].get("email"),
        "applicationStatus": mentoring.applied(application["mentorStatus"]),
        "expertise": mentoring.expertise(application),
    }

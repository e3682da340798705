"""/api/admin/mentor-applications: deciding who becomes an expert."""

from typing import Any

from konnect.http.routing import Call, Router

from . import usecases
from .schemas import Application, ApplicationStatus

router = Router("Admin")


@router.put(
    "/api/admin/mentor-applications/<application_id>/status", response=Application, auth="admin", errors=(404, 409)
)
def set_status(call: Call, application_id: str, body: ApplicationStatus) -> dict[str, Any]:
    """Approve an application (the role `expert` is given: the client refreshes its token), or reject it with a
    reason."""
    return usecases.decide(
        call.ctx,
        application_id,
        body.status,
        by=call.user.uid,
        reason=body.rejection_reason,
        notes=body.admin_notes,
        now=call.now,
    )

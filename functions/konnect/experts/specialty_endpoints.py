"""/api/admin/specialties: what experts can be found under, and in which order."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import specialties
from .specialty_schemas import AdminSpecialty, NewSpecialty, SpecialtiesQuery, SpecialtyChange

router = Router("Admin")


@router.get("/api/admin/specialties", response=Listing[AdminSpecialty], auth="admin")
def list_specialties(call: Call, query: SpecialtiesQuery) -> dict[str, Any]:
    """All specialties, retired and renamed ones too."""
    found = specialties.listed_for_admins(call.ctx.db, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.post("/api/admin/specialties", response=AdminSpecialty, auth="admin", status=201, errors=(409,))
def create_specialty(call: Call, body: NewSpecialty) -> dict[str, Any]:
    """Create a specialty. One that experts have brought along already becomes official: profiles take its spelling."""
    by = call.user.uid
    return call.ctx.run(lambda tx: specialties.create(tx, body.name, body.order, by=by, now=call.now))


@router.patch("/api/admin/specialties/<specialty_id>", response=AdminSpecialty, auth="admin", errors=(404, 409))
def change_specialty(call: Call, specialty_id: str, body: SpecialtyChange) -> dict[str, Any]:
    """Rename, order, or retire a specialty. The id is made of the name: another name answers with another id, and the
    profiles follow.
    """
    fields = body.model_dump(exclude_none=True)
    by = call.user.uid
    return call.ctx.run(lambda tx: specialties.change(tx, specialty_id, fields, by=by, now=call.now))

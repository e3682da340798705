"""/api/experts/{id}: one expert. Here, since changing or removing one reaches into presence, queue and sessions."""

from typing import Any

from konnect.errors import BadRequest, Forbidden, NotFound
from konnect.experts import profiles, roles
from konnect.experts import service as experts
from konnect.experts.endpoints import own_view
from konnect.experts.files import check_resume
from konnect.experts.profile_schemas import ProfileEdit
from konnect.experts.schemas import Expert, OwnExpert
from konnect.http.routing import Call, Router
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.store import Doc, Tx

from . import attendance, removal

router = Router("Experts")
REQUIRED = ("name", "title", "pricePerMin", "available")


@router.get("/api/experts/<expert_id>", response=Expert, auth="public", errors=(404,))
def one_expert(call: Call, expert_id: str) -> dict[str, Any]:
    """One approved expert."""
    return call.ctx.run(lambda tx: experts.get(tx, expert_id))


@router.put("/api/experts/<expert_id>", response=OwnExpert, errors=(403, 404, 409))
def edit_expert(call: Call, expert_id: str, body: ProfileEdit) -> dict[str, Any]:
    """Edit one's own profile. `available` is the portal's online switch: who is switched off stays offline whatever
    connects; who is switched on is online while the portal is connected. A new price holds for sessions that begin from
    now on.
    """
    fields = body.model_dump(by_alias=True, exclude_unset=True)
    for name in REQUIRED:
        if name in fields and fields[name] is None:
            raise BadRequest.field(name, "must not be empty")
    uid = call.user.uid
    check_resume(call.ctx.settings, fields.get("resumeUrl"), uid)
    available = fields.pop("available", None)
    if "pricePerMin" in fields:
        fields["pricePerMinPaise"] = to_paise(fields.pop("pricePerMin"))
    config = platform_config(call.ctx.db)

    def work(tx: Tx) -> Doc:
        found = tx.get("experts", expert_id)
        if found is None:
            raise NotFound("there is no such expert", code="EXPERT_NOT_FOUND")
        if found["firebaseUid"] != uid:
            raise Forbidden("this is the profile of somebody else")
        if available is not None:
            attendance.switch(tx, uid, expert_id, available, config=config, now=call.now)
        profiles.update(tx, expert_id, fields, now=call.now)
        return experts.own(tx, uid)

    return own_view(call.ctx.run(work))


@router.delete("/api/experts/<expert_id>", auth="admin", status=204, errors=(404, 409, 503))
def delete_expert(call: Call, expert_id: str) -> None:
    """Delete an expert: refused (409) while a session, a booking or money is open, with what is to be done first.

    The account and its wallet stay, and so do past sessions and their bookkeeping.
    """
    config, by = platform_config(call.ctx.db), call.user.uid
    uid = call.ctx.run(lambda tx: removal.remove(tx, expert_id, by=by, config=config, now=call.now))
    if uid is not None:
        roles.take(call.ctx, expert_id, uid, now=call.now)

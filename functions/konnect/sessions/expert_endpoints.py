"""/api/experts/{id}: one expert. Here, since changing or removing one reaches into presence, queue and sessions."""

from typing import Any

from konnect.errors import BadRequest, Forbidden, NotFound
from konnect.experts import files, preferences, profiles, roles
from konnect.experts import service as experts
from konnect.experts.endpoints import own_view
from konnect.experts.profile_schemas import ProfileEdit
from konnect.experts.schemas import Expert, OwnExpert
from konnect.http.routing import Call, Router
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.store import Doc, Tx

from . import attendance, removal

router = Router("Experts")
REQUIRED = ("name", "title", "pricePerMin", "timeZone", "available", *preferences.DEFAULTS)


@router.get("/api/experts/<expert_id>", response=Expert, auth="public", errors=(404,))
def one_expert(call: Call, expert_id: str) -> dict[str, Any]:
    """One approved expert."""
    return call.ctx.run(lambda tx: experts.get(tx, expert_id))


@router.put("/api/experts/<expert_id>", response=OwnExpert, errors=(403, 404, 409, 503))
def edit_expert(call: Call, expert_id: str, body: ProfileEdit) -> dict[str, Any]:
    """Edit one's own profile. `available` is the portal's online switch: who is switched off stays offline whatever
    connects; who is switched on is online while the portal is connected, and on a break no more. A new price and new
    settings hold for requests from now on.
    """
    fields = body.model_dump(by_alias=True, exclude_unset=True)
    for name in REQUIRED:
        if name in fields and fields[name] is None:
            raise BadRequest.field(name, "must not be empty")
    uid = call.user.uid
    kept: Doc = {}
    if files.PURPOSES.keys() & fields.keys():
        kept = call.ctx.run(lambda tx: files.named(tx, expert_id))
    fields, found = files.checked(call.ctx, uid, fields, now=call.now, kept=kept)
    available = fields.pop("available", None)
    settings = {name: fields.pop(name) for name in preferences.DEFAULTS if name in fields}
    if "pricePerMin" in fields:
        fields["pricePerMinPaise"] = to_paise(fields.pop("pricePerMin"))
    config = platform_config(call.ctx.db)

    def work(tx: Tx) -> Doc:
        expert = tx.get("experts", expert_id)
        if expert is None:
            raise NotFound("there is no such expert", code="EXPERT_NOT_FOUND")
        if expert["firebaseUid"] != uid:
            raise Forbidden("this is the profile of somebody else")
        files.adopt(tx, call.ctx.settings, uid, fields, found, now=call.now)
        if available is not None:
            attendance.switch(tx, uid, expert_id, available, config=config, now=call.now)
        attendance.set_preferences(tx, expert_id, settings, now=call.now)
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

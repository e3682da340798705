"""Educators are experts: one person with one profile, whatever a product calls them."""

from konnect.errors import Forbidden
from konnect.identity import service as identity
from konnect.store import Doc, Tx

from . import service


def require(tx: Tx, uid: str) -> Doc:
    """The expert's profile behind an educator, with its id. One who has applied may write courses already: an admin
    looks at each course. Raises Forbidden (EDUCATOR_REQUIRED without a profile, and for one that was rejected;
    ACCOUNT_DISABLED)."""
    expert = find(tx, uid)
    if expert is None:
        identity.require_open(tx, uid)
        raise Forbidden("only educators do this: apply to be one first", code="EDUCATOR_REQUIRED")
    return expert


def find(tx: Tx, uid: str) -> Doc | None:
    """The same, or None."""
    expert_id = service.id_of(tx, uid)
    expert = tx.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] == "rejected" or expert["firebaseUid"] != uid:
        return None
    return None if identity.is_closed(tx, uid) else {**expert, "id": expert_id}

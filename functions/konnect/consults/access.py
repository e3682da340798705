"""A consult, for its two, and for the domains above."""

from konnect.errors import Conflict, Forbidden
from konnect.sessions.metering import Side
from konnect.store import Doc, Tx

from . import repository


def find(tx: Tx, consult_id: str) -> Doc:
    """Raises NotFound (CONSULT_NOT_FOUND)."""
    consult = repository.find(tx, consult_id)
    if consult is None:
        raise repository.not_found()
    return consult


def of_participant(tx: Tx, consult_id: str, uid: str) -> Doc:
    """Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    consult = find(tx, consult_id)
    check(consult, uid)
    return consult


def check(consult: Doc, uid: str) -> None:
    """Raises Forbidden (NOT_A_PARTICIPANT)."""
    if uid not in {consult["userId"], consult["expertUid"]}:
        raise Forbidden("you are not in this consult", code="NOT_A_PARTICIPANT")


def side_of(consult: Doc, uid: str) -> Side:
    return "user" if uid == consult["userId"] else "expert"


def ended(consult: Doc) -> Conflict:
    details = [{"status": consult["status"], "endReason": consult["endReason"]}]
    return Conflict("the consult is over", code="CONSULT_ENDED", details=details)


def not_active() -> Conflict:
    return Conflict("the consult has not begun", code="CONSULT_NOT_ACTIVE")


def not_ended() -> Conflict:
    return Conflict("the consult has not ended", code="CONSULT_NOT_ENDED")

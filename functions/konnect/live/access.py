"""What a live class refuses."""

from konnect.errors import Conflict, Forbidden
from konnect.store import Doc


def check_host(session: Doc, uid: str, *, is_admin: bool) -> None:
    """Raises Forbidden (NOT_THE_HOST)."""
    if session["host"]["uid"] != uid and not is_admin:
        raise Forbidden("only its host changes a live session", code="NOT_THE_HOST")


def not_a_participant() -> Forbidden:
    return Forbidden("you have no place in this live session", code="NOT_A_PARTICIPANT")


def closed(session: Doc) -> Conflict:
    """Of one that has ended or was cancelled."""
    details = [{"status": session["status"], "endReason": session["endReason"]}]
    if session["status"] == "cancelled":
        return Conflict("the live session is cancelled", code="SESSION_CANCELLED", details=details)
    return Conflict("the live session is over", code="SESSION_ENDED", details=details)


def not_open() -> Conflict:
    return Conflict("the live session is not open yet", code="SESSION_NOT_OPEN")

"""A session, for its participants and for the domains above."""

from konnect.errors import Forbidden, NotFound
from konnect.store import Doc, Tx

from . import repository


def of_participant(tx: Tx, session_id: str, uid: str) -> Doc:
    """Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    session = repository.find(tx, session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    if uid not in {session["userId"], session["expertUid"]}:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    return session

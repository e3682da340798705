"""An admin's hand on a mentor's switch: the same one that the mentor has in the portal."""

from datetime import datetime

from konnect import audit
from konnect.errors import Conflict
from konnect.experts import profiles
from konnect.platform import PlatformConfig
from konnect.sessions import attendance
from konnect.store import Doc, Tx


def switch(
    tx: Tx, expert_id: str, on: bool | None, *, by: str, reason: str | None, config: PlatformConfig, now: datetime
) -> Doc:
    """Switch a mentor off or on; None: the other of what `available` shows. Returns the whole profile afterwards.

    Raises NotFound, Forbidden (EXPERT_NOT_APPROVED), Conflict (MENTOR_HAS_NO_ACCOUNT, PLATFORM_FULL).
    """
    before = profiles.get(tx, expert_id)
    wanted = not before["available"] if on is None else on
    uid = before["firebaseUid"]
    if uid is None:
        if wanted:
            raise Conflict("nobody has signed in as this mentor yet", code="MENTOR_HAS_NO_ACCOUNT")
        return before
    attendance.switch(tx, uid, expert_id, wanted, config=config, now=now)
    after = profiles.get(tx, expert_id)
    if _seen(after) != _seen(before):
        audit.write(
            tx,
            actor=by,
            action="mentor.toggle",
            target=f"experts/{expert_id}",
            before=_seen(before),
            after=_seen(after),
            reason=reason,
            now=now,
        )
    return after


def _seen(mentor: Doc) -> Doc:
    return {name: mentor[name] for name in ("available", "acceptsSessions")}

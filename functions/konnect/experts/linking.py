"""Expert profiles that exist before their account: an admin imports them under an e-mail address, and whoever first
signs in with that address, verified, gets the profile.

Either side can come first, so two triggers try (account_triggers.py): the account's when its address is verified, the
profile's when it is created. At least one of them sees the other's document.
"""

import logging
from datetime import datetime

from konnect import ids
from konnect.store import Tx

log = logging.getLogger(__name__)


def imported_id(email: str) -> str:
    """The id of the profile imported for an address: importing it again finds it."""
    return ids.digest("expert", normal_email(email))


def normal_email(email: str) -> str:
    return email.strip().lower()


def link(tx: Tx, uid: str, email: str, *, now: datetime) -> str | None:
    """Give the profile imported for `email`, which the caller knows to be verified, to `uid`. Repeats change nothing.

    Returns the profile's id; None if there is none, it is somebody's already, or the user has another one.
    """
    expert_id = imported_id(email)
    tx.prefetch(("experts", expert_id), ("experts", uid), ("expertsByUid", uid))
    expert = tx.get("experts", expert_id)
    if expert is None or expert["firebaseUid"] not in {None, uid}:
        return None
    if expert["firebaseUid"] is None:
        # One person has one profile; a mapping to a profile that was deleted is no profile.
        other = str((tx.get("expertsByUid", uid) or {}).get("expertId", uid))
        if other != expert_id and tx.get("experts", other) is not None:
            log.warning("an imported profile stays unclaimed", extra={"expert": expert_id, "uid": uid, "has": other})
            return None
        tx.update(("experts", expert_id), {"firebaseUid": uid, "updatedAt": now})
        tx.set(("expertsByUid", uid), {"expertId": expert_id, "linkedAt": now})
    return expert_id

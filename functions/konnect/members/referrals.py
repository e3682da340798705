"""Who brought whom: a member's code is made of their id, so that there is nothing to hand out; the friend's
members/{uid}/private/referral says {by, friend, createdAt, rewardedAt}, for no client. `friend` is a keyed hash of the
address they came with: it brings points once, also if its account is deleted and comes again.
"""

import hashlib
from datetime import datetime

from konnect.gamification import service as gamification
from konnect.store import Database, Query, Tx

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: letters and digits that people don't confuse."""
SIZE = 10
"""50 bits: two of a million members have the same one with a probability of 1 in 2,000."""
_MEANT = str.maketrans("OIL", "011")


def code(uid: str) -> str:
    number = int.from_bytes(hashlib.sha256(f"referral\x1f{uid}".encode()).digest())
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(SIZE))


def referrer(db: Database, given: str) -> str | None:
    """Whose code it is, however it was written."""
    wanted = given.strip().upper().replace("-", "").translate(_MEANT)
    found = Query(("members",), limit=1).filter("referralCode", "==", wanted).run(db)
    return str(found[0]["id"]) if found else None


def note(tx: Tx, uid: str, by: str, friend: str, *, now: datetime) -> None:
    """A friend of `by` registers; `friend` stands for their address."""
    noted = {"by": by, "friend": friend, "createdAt": now, "rewardedAt": None}
    tx.create(("members", uid, "private", "referral"), noted)


def reward(tx: Tx, uid: str, *, now: datetime) -> bool:
    """The friend has shown that the address is theirs: the points are given, once. Returns whether that was now."""
    path = ("members", uid, "private", "referral")
    found = tx.get(*path)
    if found is None or found["rewardedAt"] is not None:
        return False
    gamification.award(tx, found["by"], "friend_referred", found["friend"], is_here=False, now=now)
    tx.update(path, {"rewardedAt": now})
    return True

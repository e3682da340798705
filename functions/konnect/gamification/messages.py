"""What a user is told of what they have earned; each once, in the transaction that gives it."""

from datetime import datetime

from konnect.notifications import service as notifications
from konnect.store import Tx

from . import policy


def badge_earned(tx: Tx, uid: str, badge: policy.Badge, *, now: datetime) -> None:
    kind = policy.BADGE_KINDS[badge]
    notifications.notify(
        tx,
        uid,
        "badge_earned",
        about=(badge,),
        title=f"You have earned a badge: {kind.name}",
        body=kind.criteria.removesuffix(".") + ": done!",
        data={"badge": badge, "name": kind.name, "icon": kind.icon},
        now=now,
    )


def level_up(tx: Tx, uid: str, level: policy.Level, *, now: datetime) -> None:
    notifications.notify(
        tx,
        uid,
        "level_up",
        about=(level.number,),
        title=f"Level {level.number}: {level.name}",
        body=f"You have come to {level.begins_at:,} points.",
        data={"level": level.number, "levelName": level.name},
        now=now,
    )

"""Cloud Tasks handlers of experts."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.tasks import Task

from . import applications, listing, roles, specialties

PROFILES_AT_ONCE = 50


def give_role(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"expertId"}: an approved expert gets the role, should the approval itself not have come so far."""
    applications.give_role(ctx, payload["expertId"], now=now)


def take_role(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"expertId", "uid"}: an expert was removed, and with the profile goes the role."""
    roles.take(ctx, payload["expertId"], payload["uid"], now=now)


def rename_specialty(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"specialtyId", "cursor"}: a specialty has another name; the profiles that say the old one follow. A page a task:
    the next one is a task of its own, and repeating one changes nothing.
    """
    specialty_id = payload["specialtyId"]
    found = listing.with_specialty(ctx.db, specialty_id, limit=PROFILES_AT_ONCE, cursor=payload.get("cursor"))
    for doc in found.items:
        ctx.run(partial(listing.refresh, expert_id=doc["id"], now=now))
    if found.next_cursor:
        following = {"specialtyId": specialty_id, "cursor": found.next_cursor}
        ctx.tasks.create(
            Task(specialties.RENAME, ("rename-specialty", specialty_id, found.next_cursor, now.isoformat()), following)
        )

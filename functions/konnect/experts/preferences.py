"""How an expert works: settings of their own on experts/{id}, for everybody to see, and kept until they change them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from konnect.store import Doc, Tx

DEFAULTS: dict[str, bool] = {"acceptsByHand": False, "onBreak": False, "introOffer": True, "acceptsBookings": True}
"""acceptsByHand: each request waits for the expert's word. onBreak: requests only join the queue, which waits.
introOffer: new users may have their first minutes at the platform's introductory price. acceptsBookings: sessions can
be booked for a time."""


def of(expert: Doc) -> dict[str, Any]:
    """An expert's settings; who has never set one has its default."""
    return {name: bool(expert.get(name, default)) for name, default in DEFAULTS.items()}


def bookable(expert: Mapping[str, Any]) -> bool:
    """Whether sessions can be booked: the expert's own setting, unless the platform has stopped them (mentors)."""
    return bool(expert.get("acceptsBookings", DEFAULTS["acceptsBookings"])) and not expert.get("bookingsStopped")


def change(tx: Tx, expert_id: str, wanted: dict[str, bool], *, now: datetime) -> dict[str, bool]:
    """Change some settings of an expert. Returns those that have changed."""
    expert = tx.get("experts", expert_id)
    if expert is None:
        return {}
    before = of(expert)
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if changed:
        tx.update(("experts", expert_id), {**changed, "updatedAt": now})
    return changed

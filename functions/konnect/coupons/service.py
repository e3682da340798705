"""Making coupons and changing them: admins only, each in the audit."""

from datetime import datetime
from typing import Any

from konnect import audit
from konnect.errors import BadRequest, Conflict
from konnect.money import rupees
from konnect.store import Database, Doc, Tx

from . import repository

RULES = (
    "percent",
    "amountPaise",
    "maxDiscountPaise",
    "minPricePaise",
    "startsAt",
    "endsAt",
    "maxUses",
    "maxUsesPerUser",
    "mentorIds",
    "firstBookingOnly",
    "isActive",
)
"""The fields that an admin sets."""


def create(tx: Tx, code: str, rules: Doc, *, key: str, by: str, now: datetime) -> Doc:
    """A new coupon; `key` is random. Raises Conflict (COUPON_EXISTS), BadRequest (mentorIds: no such mentor)."""
    if repository.find(tx, code) is not None:
        raise Conflict("there is such a coupon already", code="COUPON_EXISTS")
    tx.prefetch(*(("experts", mentor_id) for mentor_id in rules["mentorIds"] or []))
    for number, mentor_id in enumerate(rules["mentorIds"] or []):
        if tx.get("experts", mentor_id) is None:
            raise BadRequest.field(f"mentorIds.{number}", "there is no such mentor")
    coupon: Doc = {
        "code": code,
        "key": key,
        **{name: rules[name] for name in RULES},
        "uses": 0,
        "createdBy": by,
        "createdAt": now,
        "updatedAt": now,
    }
    repository.create(tx, coupon)
    _audit(tx, "coupon.create", code, None, coupon, by, now)
    return coupon


def change(tx: Tx, code: str, fields: Doc, *, by: str, now: datetime) -> Doc:
    """Switch it on or off, end it at another time, or change how often it can be used; what is used stays so. A repeat
    changes nothing. Raises NotFound (COUPON_NOT_FOUND), BadRequest (endsAt; maxUses of one that has no limit, and so
    was not counted)."""
    before = repository.get(tx, code)
    if before["maxUses"] is None and "maxUses" in fields:
        raise BadRequest.field("maxUses", "is not known of a coupon without a limit; end it, and make another")
    after = {**before, **fields}
    if after["endsAt"] is not None and after["startsAt"] is not None and after["endsAt"] <= after["startsAt"]:
        raise BadRequest.field("endsAt", "must be after startsAt")
    if after != before:
        tx.update((repository.COLLECTION, code), {**fields, "updatedAt": now})
        _audit(tx, "coupon.change", code, before, after, by, now)
    return after


def view(db: Database, coupon: Doc) -> dict[str, Any]:
    """As an admin sees it: amounts in INR."""
    shown: dict[str, Any] = {name: _rupees(coupon[f"{name}Paise"]) for name in ("amount", "maxDiscount", "minPrice")}
    return {**coupon, **shown, "uses": repository.uses(db, coupon)}


def _rupees(paise: int | None) -> int | float | None:
    return None if paise is None else rupees(paise)


def _audit(tx: Tx, action: str, code: str, before: Doc | None, after: Doc, by: str, now: datetime) -> None:
    audit.write(
        tx,
        actor=by,
        action=action,
        target=f"{repository.COLLECTION}/{code}",
        before={name: before[name] for name in RULES} if before else None,
        after={name: after[name] for name in RULES},
        now=now,
    )

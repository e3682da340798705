"""What a subscription takes off a booking (konnect.benefits.Source): included minutes first, then the discount.

Minutes are those of the period in which is booked, also for a session in the next. Each booking's are a document of its
own, and a counter on the period's: what is used, or free again, is so once.
"""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from konnect.benefits import Ask, Benefit, Kind
from konnect.errors import Conflict
from konnect.money import percent_of
from konnect.store import Tx

from . import plans, repository

MINUTES: Kind = "subscription-minutes"
DISCOUNT: Kind = "subscription-discount"


def offer(tx: Tx, ask: Ask, *, now: datetime) -> list[Benefit]:
    """The minutes that are left, up to the session's, take off their share; then the discount on what is left."""
    running = repository.running(tx, ask.uid, now)
    if running is None:
        return []
    plan, found = plans.of(running["plan"]), list[Benefit]()
    left_paise = ask.left_paise
    if plan.minutes:
        period = repository.period(tx, running["id"])
        minutes = min(period["minutes"] - period["minutesUsed"], ask.minutes)
        paise = _share(left_paise, minutes, ask.minutes)
        if paise:
            label = f"{minutes} minutes of your {plan.name} plan"
            found.append(Benefit(MINUTES, f"{running['id']}:{minutes}", paise, label))
            left_paise -= paise
    paise = percent_of(left_paise, plan.discount_percent)
    if paise:
        found.append(
            Benefit(DISCOUNT, running["id"], paise, f"{plan.discount_percent:g} % off by your {plan.name} plan")
        )
    return found


def use(tx: Tx, booking_id: str, benefit: Benefit, *, uid: str, now: datetime) -> None:
    """Raises Conflict (MINUTES_USED) when they are not there, which who has had them offered does not meet."""
    path = (repository.USES, booking_id)
    if benefit.kind != MINUTES or tx.get(*path) is not None:
        return
    period_id, _, count = benefit.id.rpartition(":")
    period, minutes = repository.period(tx, period_id), int(count)
    used = period["minutesUsed"] + minutes
    if used > period["minutes"] or period["userId"] != uid:
        raise Conflict("the minutes of your plan are used", code="MINUTES_USED")
    tx.update((repository.PERIODS, period_id), {"minutesUsed": used, "updatedAt": now})
    tx.create(
        path,
        {
            "userId": uid,
            "periodId": period_id,
            "minutes": minutes,
            "amountPaise": benefit.amount_paise,
            "usedAt": now,
        },
    )


def give_back(
    tx: Tx, booking_id: str, benefit: Benefit, portion_paise: int, *, uid: str, whole: bool, now: datetime
) -> None:
    """Minutes are free again when nothing of the booking was kept; those of a period that is over are of no use."""
    path = (repository.USES, booking_id)
    used = tx.get(*path) if benefit.kind == MINUTES and whole else None
    if used is None:
        return
    period = repository.period(tx, used["periodId"])
    left = period["minutesUsed"] - used["minutes"]
    assert left >= 0, f"{used['periodId']}: no more is given back than was used"
    tx.update((repository.PERIODS, used["periodId"]), {"minutesUsed": left, "updatedAt": now})
    tx.delete(path)


def _share(paise: int, minutes: int, of_minutes: int) -> int:
    return int((Decimal(paise * minutes) / of_minutes).quantize(Decimal(1), rounding=ROUND_HALF_UP))

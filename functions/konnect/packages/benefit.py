"""A session of a package as a benefit of bookings (konnect.benefits.Source). It covers all that the booking costs."""

from datetime import datetime, timedelta

from konnect.benefits import Ask, Benefit
from konnect.errors import Conflict
from konnect.rates import service as rates
from konnect.rates.service import Rates
from konnect.store import Doc, Tx

from . import repository, service


def price(tx: Tx, purchase_id: str, uid: str) -> tuple[int, Rates]:
    """The list price of a session booked with it, in paise, and the rates that it goes by. Raises NotFound
    (PACKAGE_NOT_FOUND)."""
    purchase = _own(tx, purchase_id, uid)
    return purchase["sessionPricePaise"], rates.of(repository.terms(tx, purchase_id))


def offer(tx: Tx, ask: Ask, *, now: datetime) -> list[Benefit]:
    """Raises NotFound (PACKAGE_NOT_FOUND), Conflict (PACKAGE_NOT_ACTIVE, PACKAGE_EXPIRED, PACKAGE_USED_UP,
    PACKAGE_NOT_APPLICABLE)."""
    if ask.purchase_id is None:
        return []
    purchase = _own(tx, ask.purchase_id, ask.uid)
    _check(purchase, ask, now)
    assert ask.left_paise == purchase["sessionTotalPaise"], "a session costs what was paid for it"
    label = f"1 of {purchase['sessions']} sessions"
    return [Benefit("package", purchase["id"], ask.left_paise, label)]


def use(tx: Tx, booking_id: str, benefit: Benefit, *, uid: str, now: datetime) -> None:
    """Its money leaves the package with the booking's own movement."""
    purchase = repository.get(tx, benefit.id)
    if booking_id not in purchase["usedBy"]:
        _set_used(tx, purchase, [*purchase["usedBy"], booking_id], now)


def give_back(
    tx: Tx, booking_id: str, benefit: Benefit, portion_paise: int, *, uid: str, whole: bool, now: datetime
) -> None:
    """The whole of a session is one that can be booked again; a part of it, or what comes back to a package that is
    closed by then, goes on to where the package was paid from."""
    purchase = repository.get(tx, benefit.id)
    if booking_id not in purchase["usedBy"]:
        return
    if whole and purchase["status"] == "active" and portion_paise == purchase["sessionTotalPaise"]:
        _set_used(tx, purchase, [one for one in purchase["usedBy"] if one != booking_id], now)
    elif portion_paise:
        service.pay_back(tx, purchase, portion_paise, reason="booking-cancelled", now=now)


def check_end(tx: Tx, purchase_id: str, ends_at: datetime) -> None:
    """A booking that has taken a session is moved to end then. Raises Conflict (PACKAGE_EXPIRED)."""
    if ends_at > repository.get(tx, purchase_id)["validUntil"]:
        raise _not_valid()


def _own(tx: Tx, purchase_id: str, uid: str) -> Doc:
    """Raises NotFound, also for somebody else's: whether it exists is nobody else's business."""
    purchase = repository.get(tx, purchase_id)
    if purchase["userId"] != uid:
        raise repository.not_found()
    return purchase


def _check(purchase: Doc, ask: Ask, now: datetime) -> None:
    if purchase["status"] in {"pending", "cancelled"}:
        raise Conflict("the package is not paid", code="PACKAGE_NOT_ACTIVE")
    ends_at = ask.scheduled_at + timedelta(minutes=ask.minutes)
    if purchase["status"] == "closed" or now >= purchase["validUntil"] or ends_at > purchase["validUntil"]:
        raise _not_valid()
    if (purchase["mentorId"], purchase["duration"]) != (ask.mentor_id, ask.minutes):
        what = f"{purchase['duration']} minutes with {purchase['mentorName']}"
        raise Conflict(f"the package is for sessions of {what}", code="PACKAGE_NOT_APPLICABLE")
    if not purchase["sessionsLeft"]:
        raise Conflict("all sessions of the package are booked", code="PACKAGE_USED_UP")


def _not_valid() -> Conflict:
    return Conflict("the package is not valid at that time", code="PACKAGE_EXPIRED")


def _set_used(tx: Tx, purchase: Doc, used_by: list[str], now: datetime) -> None:
    left = purchase["sessions"] - len(used_by)
    repository.update(tx, purchase["id"], now=now, usedBy=used_by, sessionsLeft=left)

"""What mentors offer as packages, and what becomes of those that are bought.

A package is cheaper at the mentor's expense: its sessions are booked at the price that it comes to for each. It holds
its money until a booking takes a session's worth; what is left at the end of its time goes back to where it was paid
from, by Razorpay refund, which reaches back six months.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from konnect.errors import BadRequest, Conflict
from konnect.experts import preferences, prices
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, inr, percent_of, rupees
from konnect.notifications import service as notifications
from konnect.payments import refunds
from konnect.rates import service as rates
from konnect.rates.service import Rates
from konnect.store import Doc, Tx
from konnect.tasks import FURTHEST_AHEAD, Task

from . import repository

KIND = "package"
"""Of its order's purpose, and of its hold."""
PROGRESS = "/packages/progress"


@dataclass(frozen=True)
class Size:
    """A package that a mentor offers."""

    sessions: int
    duration: int
    discount_percent: float
    valid_days: int


@dataclass(frozen=True)
class Quote:
    """What a package comes to, in paise: the list price of one of its sessions, what that costs with GST where it is
    added to the bill, and all of them."""

    session_price_paise: int
    session_total_paise: int
    price_paise: int

    @property
    def fields(self) -> Doc:
        return {
            "sessionPrice": rupees(self.session_price_paise),
            "sessionPricePaise": self.session_price_paise,
            "sessionTotal": rupees(self.session_total_paise),
            "sessionTotalPaise": self.session_total_paise,
            "price": rupees(self.price_paise),
            "pricePaise": self.price_paise,
        }


def quote(package: Doc, expert: Doc, frozen: Rates) -> Quote | None:
    """None while its mentor takes no price for sessions of that length. `frozen`: the rates for that mentor. Pure."""
    list_paise = prices.of(expert).get(package["duration"])
    if list_paise is None:
        return None
    session_paise = list_paise - percent_of(list_paise, package["discountPercent"])
    total_paise = frozen.total_of(session_paise)
    return Quote(session_paise, total_paise, total_paise * package["sessions"])


def offer(tx: Tx, uid: str, sizes: Sequence[Size], *, now: datetime) -> list[Doc]:
    """These are all the packages that a mentor offers from now on; those that are bought stay as they are. Returns
    them, the shorter sessions and the smaller packages first.

    Raises NotFound without a profile, BadRequest (packages.N: one size twice, or of a length without a price).
    """
    expert = experts.own(tx, uid)
    known = {one["id"]: one for one in tx.query(repository.of_mentor(expert["id"]))}
    wanted: dict[str, Doc] = {}
    for number, size in enumerate(sizes):
        package_id = repository.package_id(expert["id"], size.sessions, size.duration)
        if package_id in wanted:
            raise BadRequest.field(f"packages.{number}", "is there twice")
        if size.duration not in prices.of(expert):
            raise BadRequest.field(f"packages.{number}.duration", "you have no price for sessions of that length")
        wanted[package_id] = {
            "mentorId": expert["id"],
            "sessions": size.sessions,
            "duration": size.duration,
            "discountPercent": size.discount_percent,
            "validDays": size.valid_days,
            "isActive": True,
        }
    for package_id in known.keys() | wanted.keys():
        _put(tx, package_id, known.get(package_id), wanted.get(package_id, {"isActive": False}), now)
    return sorted(
        ({**one, "id": package_id} for package_id, one in wanted.items()),
        key=lambda one: (one["duration"], one["sessions"]),
    )


def _put(tx: Tx, package_id: str, known: Doc | None, fields: Doc, now: datetime) -> None:
    path = (repository.PACKAGES, package_id)
    if known is None:
        tx.set(path, {**fields, "createdAt": now, "updatedAt": now})
    elif not fields.items() <= known.items():
        tx.update(path, {**fields, "updatedAt": now})


def for_sale(tx: Tx, uid: str, package_id: str, frozen: Rates, now: datetime) -> tuple[Doc, Doc, Rates, Quote]:
    """The package, its mentor, and what it comes to for `uid`.

    Raises NotFound (PACKAGE_NOT_FOUND), BadRequest (own package), Conflict (NOT_ACCEPTING_BOOKINGS).
    """
    package = repository.find_package(tx, package_id)
    if package is None or not package["isActive"]:
        raise repository.not_found()
    expert = experts.get(tx, package["mentorId"])
    if expert["firebaseUid"] == uid:
        raise BadRequest.field("packageId", "you can't buy your own package")
    mine = rates.of_mentor(frozen, expert, now)
    found = quote(package, expert, mine)
    if found is None or not preferences.bookable(expert) or _is_closed(tx, expert["firebaseUid"]):
        raise Conflict("the mentor takes no bookings", code="NOT_ACCEPTING_BOOKINGS")
    return package, expert, mine, found


def create(
    tx: Tx,
    purchase_id: str,
    uid: str,
    package: Doc,
    expert: Doc,
    terms: Rates,
    found: Quote,
    order_id: str,
    now: datetime,
) -> Doc:
    """The purchase, unpaid."""
    purchase: Doc = {
        "packageId": package["id"],
        "userId": uid,
        "mentorId": package["mentorId"],
        "mentorName": expert["name"],
        "sessions": package["sessions"],
        "sessionsLeft": package["sessions"],
        "duration": package["duration"],
        "discountPercent": package["discountPercent"],
        "validDays": package["validDays"],
        **found.fields,
        "currency": CURRENCY,
        "status": "pending",
        "statusReason": None,
        "payment": {"orderId": order_id, "paymentId": None, "paidAt": None},
        "validUntil": None,
        "heldPaise": 0,
        "refunded": 0,
        "refundedPaise": 0,
        "refunds": 0,
        "usedBy": [],
        "nextActionAt": None,
        "createdAt": now,
        "updatedAt": now,
        "closedAt": None,
    }
    tx.create((repository.PURCHASES, purchase_id), purchase)
    tx.create((repository.PURCHASES, purchase_id, "private", "terms"), terms.fields)
    return {**purchase, "id": purchase_id}


def activate(tx: Tx, purchase: Doc, payment_id: str, *, now: datetime) -> Doc:
    """It is paid, and counts from now on. The caller posts the movement."""
    valid_until = now + timedelta(days=purchase["validDays"])
    active: Doc = {
        "status": "active",
        "statusReason": None,
        "payment": {**purchase["payment"], "paymentId": payment_id, "paidAt": now},
        "validUntil": valid_until,
        "nextActionAt": valid_until,
    }
    repository.update(tx, purchase["id"], now=now, **active)
    purchase = {**purchase, **active}
    schedule(tx, purchase, now)
    return purchase


def can_be_used(tx: Tx, purchase: Doc) -> bool:
    """Whether its mentor is still there, and its owner."""
    expert = tx.get("experts", purchase["mentorId"])
    if expert is None or expert["mentorStatus"] != "approved":
        return False
    return not any(_is_closed(tx, uid) for uid in (expert["firebaseUid"], purchase["userId"]))


def progress(tx: Tx, purchase_id: str, *, now: datetime) -> None:
    """End it, if its time is up. Every timer and the sweep come here, as often and as late as they like."""
    purchase = repository.find(tx, purchase_id)
    if purchase is None or purchase["status"] != "active":
        return
    if purchase["validUntil"] <= now:
        close(tx, purchase, "expired", now=now)
    else:
        schedule(tx, purchase, now)


def close(tx: Tx, purchase: Doc, reason: str, *, now: datetime) -> None:
    """End it; what no booking has taken goes back. What a booking gives back later goes on to the student."""
    assert purchase["status"] == "active", f"{purchase['id']} is {purchase['status']}"
    closed = {"status": "closed", "statusReason": reason, "closedAt": now, "nextActionAt": None}
    repository.update(tx, purchase["id"], now=now, **closed)
    left_paise = purchase["heldPaise"]
    if not left_paise:
        return
    pay_back(tx, purchase, left_paise, reason=reason, now=now)
    why = {"expired": "Its time is up", "mentor-gone": f"{purchase['mentorName']} takes no more bookings"}.get(reason)
    if why is not None:
        body = (
            f"{why}: {inr(left_paise)} for {purchase['sessionsLeft']} of {purchase['sessions']} sessions "
            f"with {purchase['mentorName']} goes back to where you paid from."
        )
        data = {"packagePurchaseId": purchase["id"], "refundAmount": rupees(left_paise)}
        about, title = (purchase["id"],), "Your package has ended"
        notifications.notify(
            tx, purchase["userId"], "package_closed", about=about, title=title, body=body, data=data, now=now
        )


def pay_back(tx: Tx, purchase: Doc, paise: int, *, reason: str, now: datetime) -> None:
    """Some of what it holds goes back to where it was paid from."""
    fresh = repository.get(tx, purchase["id"])
    number, refunded_paise = fresh["refunds"] + 1, fresh["refundedPaise"] + paise
    refund_id = f"{purchase['id']}-{number}"
    repository.update(
        tx,
        purchase["id"],
        now=now,
        refunds=number,
        refundedPaise=refunded_paise,
        refunded=rupees(refunded_paise),
    )
    open_refund(tx, purchase, refund_id, purchase["payment"]["paymentId"], paise, reason, now)
    legs = (Leg(accounts.hold(KIND, purchase["id"]), -paise), refunds.leg(refund_id, paise))
    subject: dict[str, Any] = {"package": purchase["id"], "user": purchase["userId"]}
    ledger.post_new(
        tx, Movement(f"package:{purchase['id']}:release:{number}", "package.release", legs, subject), now=now
    )


def open_refund(tx: Tx, purchase: Doc, refund_id: str, payment_id: str, paise: int, reason: str, now: datetime) -> None:
    refunds.open_new(
        tx,
        refund_id,
        payment_id=payment_id,
        order_id=purchase["payment"]["orderId"],
        uid=purchase["userId"],
        amount_paise=paise,
        reason=reason,
        now=now,
    )


def schedule(tx: Tx, purchase: Doc, now: datetime) -> None:
    at = min(purchase["validUntil"], now + FURTHEST_AHEAD)
    payload = {"purchaseId": purchase["id"], "due": at.isoformat()}
    tx.enqueue(Task(PROGRESS, (KIND, purchase["id"], at.isoformat()), payload, at))


def _is_closed(tx: Tx, uid: str | None) -> bool:
    return uid is None or identity.is_closed(tx, uid)

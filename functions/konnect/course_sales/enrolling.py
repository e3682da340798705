"""Enrolling: a free course at once, one that costs something from the wallet, or by a checkout that is begun
elsewhere."""

from datetime import datetime
from typing import Any

from konnect.courses import repository, service
from konnect.errors import Conflict, PaymentRequired
from konnect.gamification import service as gamification
from konnect.identity import service as identity
from konnect.learning import enrollments
from konnect.money import CURRENCY, inr, rupees
from konnect.store import Doc, Tx

from . import purchase

CHECKOUT = "/api/v1/payments/create-checkout"


def enroll(
    tx: Tx, course_id: str, uid: str, *, by_wallet: bool, shown_paise: int | None, now: datetime
) -> tuple[Doc, Doc]:
    """The enrolment, with its course. Who is enrolled already gets the same answer again, and pays nothing.

    `shown_paise`: the price that the client has shown, None if it sent none.

    Raises NotFound (COURSE_NOT_FOUND), Forbidden (ACCOUNT_DISABLED), Conflict (OWN_COURSE, PRICE_CHANGED),
    PaymentRequired (PAYMENT_REQUIRED with the ways to pay; by wallet INSUFFICIENT_BALANCE).
    """
    # Without a lock, which all who buy it at once would wait for.
    tx.peek(repository.path(course_id))
    tx.prefetch(("enrollments", enrollments.id_of(course_id, uid)), ("users", uid))
    standing = enrollments.standing(tx, course_id, uid)
    if standing is not None:
        return standing, service.get(tx, course_id)
    course = service.published(tx, course_id)
    identity.require_open(tx, uid)
    purchase.check_sides(tx, course, uid)
    _check_price(course, shown_paise)
    if course["pricePaise"] == 0:
        enrollment = enrollments.grant(tx, course, uid, source="free", now=now)
        purchase.close_waiting(tx, course["id"], uid)
    elif by_wallet:
        enrollment = purchase.by_wallet(tx, course, uid, now=now)
    else:
        raise PaymentRequired(
            f"this course costs {inr(course['pricePaise'])}", code="PAYMENT_REQUIRED", details=[_ways(course)]
        )
    gamification.touch(tx, uid, now=now)
    return enrollment, course


def _ways(course: Doc) -> dict[str, Any]:
    """What it costs, and the requests by which it can be paid."""
    return {
        "price": rupees(course["pricePaise"]),
        "pricePaise": course["pricePaise"],
        "currency": CURRENCY,
        "checkout": {"method": "POST", "path": CHECKOUT, "body": {"courseId": course["id"]}},
        "wallet": {
            "method": "POST",
            "path": f"/api/v1/courses/{course['id']}/enroll",
            "body": {"paymentMethod": "wallet"},
        },
    }


def _check_price(course: Doc, shown_paise: int | None) -> None:
    if shown_paise is not None and shown_paise != course["pricePaise"]:
        raise Conflict(
            f"the price is {inr(course['pricePaise'])}",
            code="PRICE_CHANGED",
            details=[{"price": rupees(course["pricePaise"])}],
        )

"""The sale of a course: coursePurchases/{id}, one a sale, and the money of it. No client reads the documents.

{courseId, courseTitle, userId, educatorUid, expertId, source: wallet | checkout, status, price, pricePaise, currency,
platformFeePercent, gstPercent, educatorPaise, platformFeePaise, gstPaise (what each has of it by now), refundedPaise,
refunds: {id: paise}, paidAt, refundedAt, createdAt, updatedAt}; of a checkout also {orderId (Stripe's session),
paymentId, url, successUrl, cancelUrl, expiresAt, disputeId}. Status: pending → completed → refunded; pending → expired,
and from there completed by a late payment; returned: what was paid could not be used, and went back.

The price, the fee's percent and the GST's are frozen when the purchase is begun: by wallet that is the sale, by
checkout the opening of its session. The sale is one movement, "course.pay": from the wallet or the gateway to the
educator's wallet (earned, so it can be withdrawn; what they owe is taken first), platform:fees and tax:gst.
"""

from datetime import datetime
from typing import Any, Literal

from konnect import ids
from konnect.courses import repository
from konnect.errors import Conflict, NotFound
from konnect.identity import service as identity
from konnect.learning import enrollments
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.payments import stripe_tasks
from konnect.platform import platform_config
from konnect.rates import service as rates
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import messages
from .shares import Terms, divide, terms_of

COLLECTION = "coursePurchases"
CHECKOUTS = "courseCheckouts"
"""courseCheckouts/{digest of course and user}: {purchaseId}, the last purchase by checkout."""
KIND = "course"
"""Of its orders' purpose."""


def by_wallet(tx: Tx, course: Doc, uid: str, *, now: datetime) -> Doc:
    """Buy a course from the wallet, and enrol; returns the enrolment. Who is enrolled already pays nothing, and gets
    the enrolment that stands. `course`: published, with its "id" and a price.

    Raises PaymentRequired (402 INSUFFICIENT_BALANCE, with needed and available), and as check_sides does.
    """
    # Without locks what is written below: with them, those who come at once would wait for each other.
    educator_uid = course["instructor"]["uid"]
    tx.peek(
        ("enrollments", enrollments.id_of(course["id"], uid)),
        checkout_path(course["id"], uid),
        *(("wallets", one) for one in (uid, educator_uid)),
        ("receivables", educator_uid),
    )
    enrolled = enrollments.of(tx, course["id"], uid)
    if enrolled is not None and enrolled["status"] in enrollments.STANDING:
        return enrolled
    check_sides(tx, course, uid)
    # One sale for each time that it can be bought: again only after it was taken back.
    taken_back_at = (enrolled or {}).get("revokedAt")
    purchase_id = ids.digest("course-purchase", course["id"], uid, taken_back_at or "")
    purchase = {**new(course, uid, "wallet", terms(tx, now), now=now), "id": purchase_id}
    messages.peek(tx, purchase, types=("course_purchased", "course_sold"))
    from_wallet = Leg(accounts.wallet(uid), -purchase["pricePaise"])
    sell(tx, purchase, from_wallet, f"course:{purchase_id}:pay", {}, now=now)
    sold = {**purchase, "status": "completed", "paidAt": now}
    tx.create((COLLECTION, purchase_id), {name: sold[name] for name in sold if name != "id"})
    _statement(tx, sold, "payment", uid, purchase["pricePaise"], now)
    enrollment = enrollments.grant(tx, course, uid, source="wallet", purchase_id=purchase_id, now=now)
    close_waiting(tx, course["id"], uid)
    messages.sold(tx, sold, now=now)
    return enrollment


def terms(tx: Tx, now: datetime) -> Terms:
    """What holds at this moment."""
    return Terms(platform_config(tx.db).platformFeePercent, rates.within(tx, now).gst_percent)


def new(course: Doc, uid: str, source: Literal["wallet", "checkout"], frozen: Terms, *, now: datetime) -> Doc:
    """A purchase that is begun, at the course's price of now."""
    price_paise = int(course["pricePaise"])
    assert price_paise > 0, f"{course['id']} is free"
    return {
        "courseId": course["id"],
        "courseTitle": course["title"],
        "userId": uid,
        "educatorUid": course["instructor"]["uid"],
        "expertId": course["instructor"]["id"],
        "source": source,
        "status": "pending",
        "price": rupees(price_paise),
        "pricePaise": price_paise,
        "currency": CURRENCY,
        **frozen.fields,
        **divide(price_paise, frozen).fields,
        "refundedPaise": 0,
        "refunds": {},
        "orderId": None,
        "paymentId": None,
        "paidAt": None,
        "refundedAt": None,
        "createdAt": now,
        "updatedAt": now,
    }


def sell(tx: Tx, purchase: Doc, source: Leg, movement_id: str, about: dict[str, Any], *, now: datetime) -> None:
    """Divide the price: the educator's share, of which a debt is paid first, the fee and the GST. The caller has proved
    the sale new. Raises PaymentRequired when `source` is a wallet that has too little."""
    shares, uid = divide(purchase["pricePaise"], terms_of(purchase)), purchase["educatorUid"]
    owed_paise = min(ledger.debt(tx, uid), shares.educator_paise)
    legs = (
        source,
        Leg(accounts.wallet(uid), shares.educator_paise - owed_paise, part="earned"),
        Leg(accounts.receivable(uid), owed_paise),
        Leg(accounts.PLATFORM_FEES, shares.fee_paise),
        Leg(accounts.TAX_GST, shares.gst_paise),
    )
    subject = {**subject_of(purchase), **about}
    movement = Movement(movement_id, "course.pay", tuple(leg for leg in legs if leg.amount_paise), subject)
    ledger.post_new(tx, movement, now=now)
    if shares.educator_paise:
        _statement(tx, purchase, "earning", uid, shares.educator_paise, now)


def subject_of(purchase: Doc) -> dict[str, Any]:
    """Of its movements."""
    about = {"purchase": purchase["id"], "course": purchase["courseId"]}
    return {**about, "user": purchase["userId"], "mentor": purchase["educatorUid"]}


def checkout_path(course_id: str, uid: str) -> tuple[str, ...]:
    return (CHECKOUTS, ids.digest("course-checkout", course_id, uid))


def waiting_of(tx: Tx, course_id: str, uid: str) -> Doc | None:
    """The purchase by checkout that waits for its payment, if there is one."""
    pointer = tx.get(*checkout_path(course_id, uid))
    found = find(tx, pointer["purchaseId"]) if pointer is not None else None
    return found if found is not None and found["status"] == "pending" else None


def close_waiting(tx: Tx, course_id: str, uid: str) -> None:
    """Have a checkout closed that nobody needs any more. Should it be paid all the same: that goes back by itself."""
    waiting = waiting_of(tx, course_id, uid)
    if waiting is not None and waiting["orderId"] is not None:
        stripe_tasks.expire_later(tx, waiting["orderId"])


def find(tx: Tx, purchase_id: str) -> Doc | None:
    found = tx.get(COLLECTION, purchase_id)
    return None if found is None else {**found, "id": purchase_id}


def get(tx: Tx, purchase_id: str) -> Doc:
    """Raises NotFound (PAYMENT_NOT_FOUND)."""
    found = find(tx, purchase_id)
    if found is None:
        raise NotFound("there is no such payment", code="PAYMENT_NOT_FOUND")
    return found


def update(tx: Tx, purchase_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update((COLLECTION, purchase_id), {**fields, "updatedAt": now})


def check_sides(tx: Tx, course: Doc, uid: str) -> None:
    """Raises Conflict (OWN_COURSE), NotFound (COURSE_NOT_FOUND) for one whose educator's account is closed: it is about
    to go off sale."""
    educator_uid = course["instructor"]["uid"]
    if educator_uid == uid:
        raise Conflict("this is your own course; you have it already", code="OWN_COURSE")
    # Nobody could withdraw what it earns.
    if identity.is_closed(tx, educator_uid):
        raise repository.not_found()


def _statement(tx: Tx, purchase: Doc, type: transactions.Type, uid: str, amount_paise: int, now: datetime) -> None:
    transactions.write(
        tx,
        f"{purchase['id']}-{type}",
        uid=uid,
        type=type,
        status="completed",
        amount_paise=amount_paise,
        description=f"Course “{purchase['courseTitle']}”",
        reference_id=purchase["id"],
        now=now,
    )

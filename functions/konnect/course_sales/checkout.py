"""Buying a course by card: its checkout session at Stripe, which is the purchase's order. The network is outside of
every transaction.

Who asks again while a session lasts gets the same one. Another price, or other pages to return to, makes a new one, and
the old session is closed.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from konnect import idempotency, ids
from konnect.config import Settings
from konnect.context import Context
from konnect.courses import service
from konnect.errors import BadRequest, Conflict, KonnectError
from konnect.integrations.gateway import Refused
from konnect.integrations.stripe.client import Gateway
from konnect.integrations.stripe.entities import Session
from konnect.learning import enrollments
from konnect.money import rupees
from konnect.payments import gateways, stripe_tasks
from konnect.payments import repository as orders
from konnect.payments import service as payments
from konnect.payments.errors import OrderNotFound, PaymentMismatch
from konnect.payments.service import Outcome
from konnect.store import Doc, Tx

from . import purchase

log = logging.getLogger(__name__)

SESSION_ID = "{CHECKOUT_SESSION_ID}"
LASTS = timedelta(hours=24)
"""Stripe's own length of a session."""
LAST_MINUTES = timedelta(minutes=10)
"""Of a session nobody is sent to any more: they would not come to its end."""


@dataclass(frozen=True)
class Wanted:
    """`price_paise`: what the learner was shown, None if they don't say. The URLs: None for the frontend's own."""

    uid: str
    course_id: str
    price_paise: int | None = None
    success_url: str | None = None
    cancel_url: str | None = None


def start(
    ctx: Context, gateway: Gateway, wanted: Wanted, *, key: idempotency.Key | None, now: datetime
) -> dict[str, Any]:
    """The open checkout of a course: {paymentId, sessionId, url, courseId, amount, amountPaise, currency, status,
    expiresAt}.

    Raises NotFound (COURSE_NOT_FOUND), BadRequest (successUrl, cancelUrl), Conflict (COURSE_IS_FREE, ALREADY_ENROLLED,
    OWN_COURSE, PRICE_CHANGED), Unavailable or BadGateway when the provider fails: nothing is left of it then.
    """
    success_url = _page(
        ctx.settings, "successUrl", wanted.success_url, f"/learn/{wanted.course_id}?session={SESSION_ID}"
    )
    cancel_url = _page(ctx.settings, "cancelUrl", wanted.cancel_url, f"/courses/{wanted.course_id}")
    by, new_id = ids.new(), ids.new()
    answered = ctx.run(lambda tx: idempotency.reserve(tx, key, by=by, now=now)) if key else None
    if answered is not None:
        return answer(ctx.run(partial(purchase.get, purchase_id=answered["purchaseId"])))
    try:
        waiting = ctx.run(lambda tx: _wait(tx, wanted, new_id, success_url, cancel_url, now))
        if waiting["orderId"] is None:
            waiting = _open(ctx, gateway, waiting, now)
        ctx.run(lambda tx: idempotency.record(tx, key, {"purchaseId": waiting["id"]}, now=now))
    except KonnectError:
        idempotency.let_go(ctx, key, by=by)
        raise
    return answer(waiting)


def _wait(tx: Tx, wanted: Wanted, new_id: str, success_url: str, cancel_url: str, now: datetime) -> Doc:
    """The purchase that waits for its payment, new unless one does already."""
    course = service.published(tx, wanted.course_id)
    purchase.check_sides(tx, course, wanted.uid)
    if enrollments.standing(tx, course["id"], wanted.uid) is not None:
        raise Conflict("you are enrolled in this course already", code="ALREADY_ENROLLED")
    price_paise = int(course["pricePaise"])
    if price_paise == 0:
        raise Conflict("the course is free: enrol at once", code="COURSE_IS_FREE")
    if wanted.price_paise is not None and wanted.price_paise != price_paise:
        price = rupees(price_paise)
        raise Conflict(f"the price is {price} INR by now", code="PRICE_CHANGED", details=[{"price": price}])
    tx.peek(purchase.checkout_path(course["id"], wanted.uid))
    known = purchase.waiting_of(tx, course["id"], wanted.uid)
    asked = (price_paise, success_url, cancel_url)
    if known is not None:
        lasts = _ends_at(known) - LAST_MINUTES > now
        if lasts and (known["pricePaise"], known["successUrl"], known["cancelUrl"]) == asked:
            return known
        if known["orderId"] is not None:
            stripe_tasks.expire_later(tx, known["orderId"])
    begun = purchase.new(course, wanted.uid, "checkout", purchase.terms(tx, now), now=now)
    begun |= {"url": None, "successUrl": success_url, "cancelUrl": cancel_url, "expiresAt": None, "disputeId": None}
    tx.create((purchase.COLLECTION, new_id), begun)
    tx.set(purchase.checkout_path(course["id"], wanted.uid), {"purchaseId": new_id})
    return {**begun, "id": new_id}


def _open(ctx: Context, gateway: Gateway, waiting: Doc, now: datetime) -> Doc:
    """Its session at Stripe: requests that come at once, or after a crash, get the same one by its idempotency key."""
    email = (ctx.db.get("users", waiting["userId"]) or {}).get("email")
    metadata = {name: waiting[name] for name in ("courseId", "userId")}
    create = partial(
        gateway.open_checkout,
        amount_paise=waiting["pricePaise"],
        currency=waiting["currency"],
        name=waiting["courseTitle"],
        receipt=waiting["id"],
        metadata={"kind": purchase.KIND, **metadata},
        success_url=waiting["successUrl"],
        cancel_url=waiting["cancelUrl"],
    )
    try:
        try:
            session = create(email=email, idempotency_key=ids.digest("course-checkout", waiting["id"]))
        except Refused:
            # For an address that Stripe does not take, or for anything else, which refuses this too.
            session = create(email=None, idempotency_key=ids.digest("course-checkout", waiting["id"], "no address"))
    except KonnectError:
        _give_up(ctx, waiting["id"], now)
        raise
    return ctx.run(partial(_record, purchase_id=waiting["id"], session=session, now=now))


def _record(tx: Tx, purchase_id: str, session: Session, now: datetime) -> Doc:
    waiting = purchase.get(tx, purchase_id)
    if waiting["orderId"] is not None:
        return waiting
    orders.create_order(
        tx,
        session.id,
        purpose={"kind": purchase.KIND, "uid": waiting["userId"], "purchaseId": purchase_id},
        amount_paise=waiting["pricePaise"],
        receipt=purchase_id,
        gateway=gateways.STRIPE,
        now=now,
    )
    # Given up, perhaps, by a request beside this one, whose call has failed.
    opened: Doc = {"status": "pending", "orderId": session.id, "url": session.url, "expiresAt": session.expires_at}
    purchase.update(tx, purchase_id, now=now, **opened)
    return {**waiting, **opened}


def _give_up(ctx: Context, purchase_id: str, now: datetime) -> None:
    """Stripe answers a key as it did the first time, also with a failure: the next attempt needs its own purchase."""

    def give_up(tx: Tx) -> None:
        if purchase.get(tx, purchase_id)["orderId"] is None:
            purchase.update(tx, purchase_id, now=now, status="expired")

    try:
        ctx.run(give_up)
    except KonnectError as error:
        log.warning("a checkout was not given up", extra={"purchase": purchase_id, "error": error.message})


def verify(ctx: Context, gateway: Gateway, uid: str, session_id: str, *, now: datetime) -> dict[str, Any]:
    """What became of a checkout, credited first if it is paid: {status, sessionId, paymentId, courseId, enrolled, …}.

    Raises OrderNotFound, also for somebody else's; PaymentMismatch; Unavailable or BadGateway when the provider can't
    be asked (the webhook or the sweep will credit it then).
    """
    order = orders.order(ctx.db, session_id)
    if order is None or order["purpose"]["kind"] != purchase.KIND or order["purpose"]["uid"] != uid:
        raise OrderNotFound("there is no such checkout")
    failure = None
    if order["status"] != "paid":
        failure = _look(ctx, gateway, order, now)
    bought = ctx.run(lambda tx: purchase.get(tx, order["purpose"]["purchaseId"]))
    enrolled = ctx.run(lambda tx: enrollments.standing(tx, bought["courseId"], uid)) is not None
    return {**answer(bought), "enrolled": enrolled, "failure": failure}


def _look(ctx: Context, gateway: Gateway, order: Doc, now: datetime) -> str | None:
    """Ask Stripe about an order that is not paid as far as we know. Returns why the last attempt failed, if one did."""
    session = gateway.fetch_checkout(order["id"])
    if session.payment is not None:
        outcome = payments.collect(ctx, gateway, order, session.payment, now=now)
        if outcome is Outcome.MISMATCH:
            raise PaymentMismatch("the payment is not one of this checkout")
        if outcome is Outcome.FAILED:
            return session.payment.error_description or "the payment failed"
    if session.status == "expired":
        ctx.run(partial(payments.close, order_id=order["id"], now=now))
    return None


def answer(bought: Doc) -> dict[str, Any]:
    """A purchase by checkout on the wire."""
    is_open = bought["status"] == "pending"
    return {
        "paymentId": bought["id"],
        "sessionId": bought["orderId"],
        "url": bought["url"] if is_open else None,
        "courseId": bought["courseId"],
        "course": bought["courseTitle"],
        "amount": bought["price"],
        "amountPaise": bought["pricePaise"],
        "currency": bought["currency"],
        "status": bought["status"],
        "expiresAt": bought["expiresAt"],
    }


def _ends_at(known: Doc) -> datetime:
    ends_at: datetime = known["expiresAt"] or known["createdAt"] + LASTS
    return ends_at


def _page(settings: Settings, field: str, given: str | None, default: str) -> str:
    """A page of a frontend of ours: Stripe would send its users anywhere."""
    if given is None:
        if not settings.app_url:
            raise BadRequest.field(field, "is needed, since no APP_URL is set")
        return settings.app_url.rstrip("/") + default
    # As a browser reads it: what hides a host behind one of ours must not pass.
    address = urlsplit(given)
    origin = f"{address.scheme}://{address.netloc}"
    app = urlsplit(settings.app_url)
    allowed = {*settings.cors_origin_list, f"{app.scheme}://{app.netloc}"} - {"*", "://"}
    if origin not in allowed or "\\" in given or any(one.isspace() for one in given):
        raise BadRequest.field(field, "must be a page of one of the allowed origins")
    return given

"""Enrolling in a course, POST /api/v1/payments/create-checkout and POST /api/v1/payments/verify."""

from konnect import idempotency
from konnect.http.routing import Call, Router
from konnect.integrations.stripe.client import gateway
from konnect.learning import grading
from konnect.learning.schemas import Enrollment
from konnect.money import to_paise
from konnect.store import Doc

from . import checkout, enrolling
from .schemas import Checkout, CheckoutRequest, NewEnrollment, Verified, VerifyRequest

router = Router("Course payments")


@router.post("/api/v1/courses/<course_id>/enroll", response=Enrollment, status=201, errors=(402, 404, 409))
def enroll(call: Call, course_id: str, body: NewEnrollment) -> Doc:
    """Enrol in a course: in a free one at once, in another with `paymentMethod` "wallet"; without it the answer is 402
    PAYMENT_REQUIRED with the price and the ways to pay. Who is enrolled gets the same answer again.
    """
    shown_paise = None if body.price is None else to_paise(body.price)
    by_wallet = body.payment_method == "wallet"
    enrollment, course = call.ctx.run(
        lambda tx: enrolling.enroll(
            tx, course_id, call.user.uid, by_wallet=by_wallet, shown_paise=shown_paise, now=call.now
        )
    )
    return grading.current(course, enrollment)


@router.post(
    "/api/v1/payments/create-checkout",
    limit="payments",
    response=Checkout,
    summary="Stripe checkout",
    errors=(404, 409, 502, 503),
    idempotent=True,
)
def create_checkout(call: Call, body: CheckoutRequest) -> Checkout:
    """Opens Stripe's page for a paid course: send the browser to `url`. While it lasts (24 hours) and nothing has
    changed, the same one is answered. Afterwards call `POST /api/v1/payments/verify`; Stripe tells us as well.

    409: ALREADY_ENROLLED, COURSE_IS_FREE, OWN_COURSE, PRICE_CHANGED. 503 STRIPE_NOT_CONFIGURED: only the wallet pays.
    """
    wanted = checkout.Wanted(
        uid=call.user.uid,
        course_id=body.course_id,
        price_paise=None if body.price is None else to_paise(body.price),
        success_url=body.success_url,
        cancel_url=body.cancel_url,
    )
    payload = body.model_dump(mode="json")
    key = idempotency.key(call.user.uid, "course-checkout", call.idempotency_key, payload)
    opened = checkout.start(call.ctx, gateway(call.ctx.settings), wanted, key=key, now=call.now)
    return Checkout.model_validate(opened)


@router.post(
    "/api/v1/payments/verify",
    limit="payments",
    response=Verified,
    summary="Verify a payment",
    errors=(404, 409, 502, 503),
)
def verify(call: Call, body: VerifyRequest) -> tuple[Verified, int]:
    """Asks Stripe, sells the course if it is paid, once however often it is called. Answers 202 with `pending` for one
    that is not paid yet."""
    found = checkout.verify(call.ctx, gateway(call.ctx.settings), call.user.uid, body.session_id, now=call.now)
    return Verified.model_validate(found), 202 if found["status"] == "pending" else 200

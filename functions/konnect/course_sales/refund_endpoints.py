"""POST /api/v1/admin/payments/{id}/refund."""

from konnect import idempotency, ids
from konnect.http.routing import Call, Router

from . import refund
from .schemas import CourseRefund, RefundRequest

router = Router("Admin: courses")


@router.post(
    "/api/v1/admin/payments/<payment_id>/refund",
    auth="admin",
    limit="admin",
    response=CourseRefund,
    status=201,
    summary="Refund a course",
    errors=(404, 409),
    idempotent=True,
)
def refund_payment(call: Call, payment_id: str, body: RefundRequest) -> CourseRefund:
    """All that is left of a sale: to the wallet it was paid from, or to where it was paid at Stripe. The course closes
    for its learner, and their certificate is revoked. `payment_id` is create-checkout's `paymentId`, and the
    `purchaseId` of an enrolment.
    """
    actor, reason = call.user.uid, body.reason
    key = idempotency.key(actor, f"course-refund:{payment_id}", call.idempotency_key, {"reason": reason})
    given = refund.Request(payment_id, ids.new(), reason, actor)
    done = call.ctx.run(
        lambda tx: idempotency.once(tx, key, lambda: refund.refund(tx, given, now=call.now), now=call.now)
    )
    return CourseRefund.model_validate(done)

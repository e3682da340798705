"""POST /wallet/recharge."""

from konnect.errors import Forbidden
from konnect.http.routing import Call, Router
from konnect.integrations.razorpay.client import gateway
from konnect.money import to_paise

from . import recharge
from .schemas import Recharge, RechargeRequest

router = Router("Payments")


@router.post("/wallet/recharge", response=Recharge, limit="payments", errors=(403, 404, 409, 502, 503))
def recharge_wallet(call: Call, body: RechargeRequest) -> tuple[Recharge, int]:
    """Credit a deposit that was paid.

    `POST /api/wallet/deposit` opens it; `receiptId` is its `receipt`, its `orderId`, or the id of a payment of it.
    Razorpay is asked, and what is only authorized is captured; it is credited once, however often this is called.
    Answers 202 with `pending` while nothing is captured: it is credited by itself when it is. Refused with 409 for
    another amount (AMOUNT_MISMATCH), another payment (PAYMENT_MISMATCH), a failed one (PAYMENT_FAILED).
    """
    if body.user_id != call.user.uid:
        raise Forbidden("userId is another user's")
    found = recharge.recharge(
        call.ctx,
        gateway(call.ctx.settings),
        call.user.uid,
        amount_paise=to_paise(body.amount),
        receipt_id=body.receipt_id,
        now=call.now,
    )
    return Recharge.model_validate(found), 202 if found["status"] == "pending" else 200

"""POST /api/wallet/deposit, POST /api/payments/verify."""

from konnect import idempotency
from konnect.http.routing import Call, Router
from konnect.integrations.razorpay.client import gateway
from konnect.money import to_paise

from . import deposits, service
from .schemas import Deposit, DepositRequest, PaymentView, VerifyRequest

router = Router("Payments")


@router.post(
    "/api/wallet/deposit",
    limit="payments",
    response=Deposit,
    status=201,
    summary="Start a deposit",
    errors=(409, 502, 503),
    idempotent=True,
)
def deposit(call: Call, body: DepositRequest) -> Deposit:
    """Opens a Razorpay order. The wallet is credited once the order is paid: call `POST /api/payments/verify` with what
    the checkout returns, or wait for the transaction to be completed.
    """
    amount_paise = to_paise(body.amount)
    key = idempotency.key(call.user.uid, "deposit", call.idempotency_key, {"amountPaise": amount_paise})
    started = deposits.start(call.ctx, gateway(call.ctx.settings), call.user.uid, amount_paise, key=key, now=call.now)
    return Deposit.model_validate(started)


@router.post(
    "/api/payments/verify",
    response=PaymentView,
    summary="Verify a payment",
    limit="payments",
    errors=(404, 409, 502, 503),
)
def verify(call: Call, body: VerifyRequest) -> tuple[PaymentView, int]:
    """Checks the checkout's signature, asks Razorpay, and credits what was captured, once however often it is called.
    Answers 202 with `pending` for a payment that is not captured yet.
    """
    found = service.verify(
        call.ctx,
        gateway(call.ctx.settings),
        call.user.uid,
        order_id=body.razorpay_order_id,
        payment_id=body.razorpay_payment_id,
        signature=body.razorpay_signature,
        now=call.now,
    )
    return PaymentView.model_validate(found), 202 if found["status"] == "pending" else 200

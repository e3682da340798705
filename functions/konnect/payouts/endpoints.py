"""POST /api/wallet/withdraw, GET and PUT /api/mentors/payout-details."""

from konnect import idempotency, ids
from konnect.errors import BadRequest, Forbidden
from konnect.http.routing import Call, Router
from konnect.integrations.razorpay.payouts import BankAccount, Destination, Vpa, payout_gateway
from konnect.money import to_paise

from . import details, repository, withdrawals
from .schemas import PayoutDetailsRequest, PayoutDetailsView, Withdrawal, WithdrawRequest

router = Router("Payouts")


@router.post(
    "/api/wallet/withdraw",
    limit="payments",
    response=Withdrawal,
    status=201,
    summary="Withdraw earnings",
    errors=(402, 409, 503),
    idempotent=True,
)
def withdraw(call: Call, body: WithdrawRequest) -> Withdrawal:
    """Earned money only: a deposit goes back by refund to its source. TDS is withheld once what was paid out in this
    financial year passes the threshold. It is paid to the payout details that the owner has given; without any, it
    waits for them. The transaction stays pending until the bank transfer's outcome is known; a failed one returns the
    money, and so does one that the bank gives back days after it was completed.
    """
    uid, amount_paise = call.user.uid, to_paise(body.amount)
    key = idempotency.key(uid, "withdraw", call.idempotency_key, {"amountPaise": amount_paise})
    request_id = ids.new()
    made = call.ctx.run(
        lambda tx: withdrawals.withdraw(tx, uid, amount_paise, key=key, request_id=request_id, now=call.now)
    )
    return Withdrawal.model_validate(made)


@router.get("/api/mentors/payout-details", response=PayoutDetailsView, errors=(404,))
def get_payout_details(call: Call) -> PayoutDetailsView:
    """The caller's payout details, masked. For experts, and whoever has earned something."""
    _check_earns(call)
    return PayoutDetailsView.model_validate(details.get(call.ctx.db, call.user.uid))


@router.put(
    "/api/mentors/payout-details",
    response=PayoutDetailsView,
    limit="payments",
    errors=(409, 502, 503),
)
def set_payout_details(call: Call, body: PayoutDetailsRequest) -> PayoutDetailsView:
    """Set where the caller's later payouts go: a bank account or a UPI address. Withdrawals that waited for it are
    sent. The owner is told of a change by notification and mail; the same again changes nothing. Numbers are kept
    encrypted, and shown masked. For experts, and whoever has earned something.
    """
    _check_earns(call)
    settings = call.ctx.settings
    changed = details.change(call.ctx, payout_gateway(settings), call.user.uid, _destination(body), now=call.now)
    return PayoutDetailsView.model_validate(changed)


def _check_earns(call: Call) -> None:
    """Who is an expert no longer must still get what was earned. Raises Forbidden."""
    if call.user.role in {"expert", "admin"} or repository.has_earned(call.ctx.db, call.user.uid):
        return
    raise Forbidden("this is for experts")


def _destination(body: PayoutDetailsRequest) -> Destination:
    if body.method == "upi":
        if body.upi_id is None:
            raise BadRequest.field("upiId", "is required")
        return Vpa(body.upi_id)
    account = body.bank_account
    if account is None:
        raise BadRequest.field("bankAccount", "is required")
    return BankAccount(account.account_holder, account.account_number, account.ifsc_code)

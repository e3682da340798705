"""What can be wrong with a payment."""

from konnect.errors import BadRequest, Conflict, NotFound


class InvalidSignature(BadRequest):
    """Not signed by the provider: forged, or signed with another account's secret."""

    code = "INVALID_SIGNATURE"


class OrderNotFound(NotFound):
    """Also for another user's order: whether it exists is nobody else's business."""

    code = "ORDER_NOT_FOUND"


class PaymentMismatch(Conflict):
    """The payment belongs to another order, or its amount or currency is not the order's. Nothing was credited."""

    code = "PAYMENT_MISMATCH"


class PaymentFailed(Conflict):
    """This attempt failed at the provider; the order may be paid by another."""

    code = "PAYMENT_FAILED"

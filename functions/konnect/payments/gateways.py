"""Who takes the money of an order: its document says which gateway it was opened at."""

from typing import Literal, cast

from konnect.config import Settings
from konnect.integrations.gateway import Gateway
from konnect.ledger import accounts
from konnect.store import Doc

Name = Literal["razorpay", "stripe"]
RAZORPAY: Name = "razorpay"
STRIPE: Name = "stripe"
_ACCOUNTS = {RAZORPAY: accounts.GATEWAY_RAZORPAY, STRIPE: accounts.GATEWAY_STRIPE}


def name_of(doc: Doc) -> Name:
    """Of an order, a payment or a refund. Those from before there was a second gateway name none."""
    return cast(Name, doc.get("gateway", RAZORPAY))


def account_of(doc: Doc) -> str:
    """The ledger's account of it."""
    return _ACCOUNTS[name_of(doc)]


def of(settings: Settings, doc: Doc) -> Gateway:
    """The client to ask about it, imported at first use."""
    if name_of(doc) == STRIPE:
        from konnect.integrations.stripe.client import gateway as stripe_gateway

        return stripe_gateway(settings)
    from konnect.integrations.razorpay.client import gateway as razorpay_gateway

    return razorpay_gateway(settings)

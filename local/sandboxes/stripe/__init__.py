"""Stripe on this machine: checkout sessions with a page to pay at, refunds, disputes, signed webhooks."""

from local.sandboxes.stripe.server import StripeSandbox
from local.sandboxes.webhooks import RetryPolicy

__all__ = ["RetryPolicy", "StripeSandbox"]

"""A Razorpay that runs on this machine: the API that the official clients call, signed webhooks, faults on request."""

from local.sandboxes.razorpay.server import RazorpaySandbox
from local.sandboxes.webhooks import RetryPolicy

__all__ = ["RazorpaySandbox", "RetryPolicy"]

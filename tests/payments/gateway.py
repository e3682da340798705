"""Razorpay's sandbox beside an API in this process: what the fixtures of shops, desks and tills are made of."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import requests

from konnect.config import Settings, load
from konnect.integrations.razorpay.client import gateway
from konnect.integrations.razorpay.payouts import payout_gateway
from local.sandboxes import background
from local.sandboxes.razorpay import RazorpaySandbox, RetryPolicy
from tests.support import new_context

from .api import TIMEOUT_S, serve

KEY_ID, KEY_SECRET, WEBHOOK_SECRET = "rzp_test_konnect", "key-secret", "webhook-secret"

Running = tuple[RazorpaySandbox, asyncio.AbstractEventLoop]
T = TypeVar("T")


@contextmanager
def running(**options: Any) -> Iterator[Running]:
    """A sandbox on a port of its own, with the loop that it runs in."""
    sandbox = RazorpaySandbox(
        0,
        key_id=KEY_ID,
        key_secret=KEY_SECRET,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=None,
        retry=RetryPolicy(first_delay_s=0.01, max_delay_s=0.05, max_attempts=3, timeout_s=60),
        **options,
    )
    with background(sandbox) as loop:
        yield sandbox, loop


def settings_of(sandbox: RazorpaySandbox, **more: Any) -> Settings:
    """The run's settings, with this sandbox for Razorpay, and without Stripe, whose events sweeps would ask for."""
    return load().model_copy(
        update={
            "firebase_auth_emulator_host": "127.0.0.1:1",
            "razorpay_url": sandbox.url,
            "razorpay_key_id": KEY_ID,
            "razorpay_key_secret": KEY_SECRET,
            "razorpay_webhook_secret": WEBHOOK_SECRET,
            "razorpay_timeout_s": 60.0,
            "stripe_secret_key": "",
            "stripe_webhook_secret": "",
            **more,
        }
    )


@contextmanager
def opening(make: Callable[..., T], razorpay: Running, settings: Settings) -> Iterator[Callable[..., T]]:
    """`make(ctx, api, sandbox, loop)` of a project of its own, with settings changed as named; the webhooks go to the
    API that was opened last."""
    sandbox, loop = razorpay
    with ExitStack() as stack:

        def opened(**changed: Any) -> T:
            ctx = new_context(settings.model_copy(update=changed))
            api = stack.enter_context(serve(ctx))
            sandbox.webhook_url = f"{api.url}/api/payments/webhook"
            return make(ctx, api, sandbox, loop)

        yield opened
        requests.delete(f"{sandbox.url}/sandbox/faults", timeout=TIMEOUT_S)
        asyncio.run_coroutine_threadsafe(sandbox.drain(), loop).result(TIMEOUT_S)
        gateway.cache_clear()
        payout_gateway.cache_clear()

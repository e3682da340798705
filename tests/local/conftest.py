"""Razorpay's sandbox, the receiver of its webhooks, and the official client on it."""

from collections.abc import Iterator

import pytest
import razorpay

from local.sandboxes import background
from local.sandboxes.razorpay import RazorpaySandbox

from .razorpay_sandbox import Receiver, new_client, new_sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def sandbox(receiver: Receiver) -> Iterator[RazorpaySandbox]:
    sandbox = new_sandbox(receiver.url)
    with background(sandbox):
        yield sandbox


@pytest.fixture
def client(sandbox: RazorpaySandbox) -> razorpay.Client:
    return new_client(sandbox)

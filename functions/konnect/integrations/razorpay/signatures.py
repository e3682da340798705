"""Razorpay's signatures: hex HMAC-SHA256, compared in constant time."""

import hashlib
import hmac
import logging

log = logging.getLogger(__name__)


def sign(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(message: bytes, given: str, secret: str) -> bool:
    """Whether `given` signs `message`. Never true without a secret: anybody can sign with an empty one."""
    if not secret:
        log.error("a Razorpay secret is not set: everything signed is refused")
        return False
    # Bytes: compare_digest raises for a str that is not ASCII, and a header or a body may bring one.
    return hmac.compare_digest(sign(message, secret).encode(), given.encode(errors="replace"))

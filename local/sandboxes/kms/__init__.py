"""Google Cloud KMS on this machine: symmetric keys that are made at their first use, encrypt and decrypt."""

from local.sandboxes.kms.server import KmsSandbox

__all__ = ["KmsSandbox"]

"""Firebase Cloud Messaging's HTTP v1 endpoint on this machine: messages are kept, to be read on a page or as JSON."""

from local.sandboxes.push.server import PushSandbox

__all__ = ["PushSandbox"]

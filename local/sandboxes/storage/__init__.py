"""Cloud Storage on this machine: gcp-storage-emulator behind what it leaves out, signatures, conditions and CORS."""

from local.sandboxes.storage.server import StorageSandbox

__all__ = ["StorageSandbox"]

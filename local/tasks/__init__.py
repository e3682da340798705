"""An emulator of Google Cloud Tasks (gRPC, v2) for HTTP targets."""

from local.tasks.server import TasksEmulator

__all__ = ["TasksEmulator"]

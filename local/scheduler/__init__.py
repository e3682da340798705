"""Cloud Scheduler's part: the scheduled functions of the manifest, at their times or by hand."""

from local.scheduler.scheduler import Scheduler, UnknownJobError

__all__ = ["Scheduler", "UnknownJobError"]

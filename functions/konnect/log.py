"""Structured logs: one JSON object a line, in the fields that Cloud Logging understands."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from . import trace

_fields: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def bind(**fields: Any) -> None:
    """Set the fields that every later line of this request carries (request id, uid, task); earlier ones go."""
    _fields.set(fields)


class JsonFormatter(logging.Formatter):
    """A line of the work of a trace names it as Cloud Logging and Cloud Trace want it: with the `project`."""

    def __init__(self, project: str = "") -> None:
        super().__init__()
        self._traces = f"projects/{project}/traces/" if project else ""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._trace(),
            **(_fields.get() or {}),
            **{key: value for key, value in record.__dict__.items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)

    def _trace(self) -> dict[str, Any]:
        current = trace.current()
        if current is None:
            return {}
        return {
            "logging.googleapis.com/trace": self._traces + current.id,
            "logging.googleapis.com/spanId": current.span,
            "logging.googleapis.com/trace_sampled": bool(int(current.flags, 16) & 1),
        }


def configure(level: str, project: str = "") -> None:
    """Send the logs of this process to stderr as JSON; safe to call again."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter(project))
        root.handlers[:] = [handler]
    root.setLevel("INFO")
    logging.getLogger("konnect").setLevel(level)
    logging.getLogger("signaling").setLevel(level)

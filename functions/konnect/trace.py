"""The trace that the running work belongs to, from a request to the tasks, triggers and socket events that follow it.

W3C trace context by hand: all that is needed is to read one header and to pass it on, and every cold start would pay
for OpenTelemetry's import. Each way in begins a trace, the caller's if it names one; log lines, tasks, socket events
and the stamp on documents (konnect.store) carry it on. Where spans are recorded (konnect.spans), `span` is that of
the innermost.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

HEADER = "traceparent"
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")
_SAMPLED = "01"


@dataclass(frozen=True)
class Trace:
    """`id` has 32 hex digits, `span` 16; `flags` says whether the caller records the trace. `is_root`: it begins here,
    and `span` is nobody's yet."""

    id: str
    span: str
    flags: str = _SAMPLED
    is_root: bool = field(default=False, compare=False)

    @property
    def header(self) -> str:
        """As `traceparent`."""
        return f"00-{self.id}-{self.span}-{self.flags}"

    @property
    def unrecorded(self) -> "Trace":
        """The same, of which nobody is to record a span."""
        return replace(self, flags="00")


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    return _current.get()


def new() -> Trace:
    return Trace(secrets.token_hex(16), _new_span(), is_root=True)


def parse(header: str | None) -> Trace | None:
    """A traceparent; None for one that the standard tells to ignore."""
    found = _TRACEPARENT.fullmatch(header or "")
    if found is None:
        return None
    version, trace_id, span, flags, more = found.groups()
    # ff is no version, zeros are no id, and version 00 ends after the flags.
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span, 16):
        return None
    return Trace(trace_id, span, flags)


def of_request(headers: Any) -> Trace | None:
    """The trace of a request, by `traceparent` or by the older header that Google's front ends send. `headers`:
    anything with `get`."""
    if standard := parse(headers.get(HEADER)):
        return standard
    google = _CLOUD_TRACE.fullmatch(headers.get("X-Cloud-Trace-Context", ""))
    if google is None or not int(google[1], 16):
        return None
    span = int(google[2] or 0) % 2**64
    flags = "00" if google[3] == "0" else _SAMPLED
    if not span:
        return Trace(google[1].lower(), _new_span(), flags, is_root=True)
    return Trace(google[1].lower(), format(span, "016x"), flags)


def _new_span() -> str:
    return secrets.token_hex(8)


def begin(given: Trace | None = None) -> Trace:
    """What this thread does from here on belongs to `given`, or to a new trace."""
    trace = given or new()
    _current.set(trace)
    return trace


@contextmanager
def within(given: Trace | None) -> Iterator[None]:
    """The block belongs to `given`; None: to no trace."""
    token = _current.set(given)
    try:
        yield
    finally:
        _current.reset(token)

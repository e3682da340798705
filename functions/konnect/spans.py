"""Spans of the work, for whoever collects OpenTelemetry traces: none without OTEL_EXPORTER_OTLP_ENDPOINT.

Nothing of OpenTelemetry is imported here: without an endpoint a span is a look at one variable, and a cold start pays
nothing. With one, konnect.telemetry records. The parent of a span is the current trace (konnect.trace), and within it
the current trace names the span: so log lines, tasks, events and stamps carry it on as they carry the trace.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Literal, ParamSpec, Protocol, TypeVar

from . import trace
from .config import Settings

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["server", "client", "producer", "consumer"]
Value = str | int | float | bool
Attributes = Mapping[str, Value | None]


class Span(Protocol):
    """Falsy where nothing is recorded, so that nothing need be computed for it."""

    def __bool__(self) -> bool: ...

    def rename(self, name: str) -> None:
        """`name` has few values: a route's template, not a path."""

    def set(self, attributes: Attributes) -> None:
        """None: left out."""

    def fail(self, error: str) -> None:
        """It ended in a failure of ours or of what we depend on, not in a refusal."""


class Recorder(Protocol):
    def open(
        self, name: str, kind: Kind, attributes: Attributes, links: Sequence[trace.Trace]
    ) -> AbstractContextManager[Span]:
        """A span that ends with the block; an exception marks it."""

    def flush(self) -> None:
        """Send what has ended. Bounded in time, never raises."""

    def close(self) -> None: ...


class _Nothing:
    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __bool__(self) -> bool:
        return False

    def rename(self, name: str) -> None:
        return

    def set(self, attributes: Attributes) -> None:
        return

    def fail(self, error: str) -> None:
        return


NOTHING = _Nothing()
"""No span."""
_recorder: Recorder | None = None


def configure(settings: Settings, service: str, *, in_background: bool = False) -> None:
    """Record the spans of this process, if an endpoint is configured. `service` names it where Cloud Run does not.

    `in_background`: a thread sends them. A function is frozen between its requests, so there each request sends its
    own before it answers.
    """
    global _recorder
    if settings.otel_exporter_otlp_endpoint and not settings.otel_sdk_disabled:
        from .telemetry import OpenTelemetry

        _recorder = OpenTelemetry(settings, settings.otel_service_name or settings.k_service or service, in_background)


def close() -> None:
    """Send what is left and record no more."""
    global _recorder
    recorder, _recorder = _recorder, None
    if recorder is not None:
        recorder.close()


class _Entry:
    """Flushes when its span has ended."""

    def __init__(self, recorder: Recorder, span: AbstractContextManager[Span]) -> None:
        self._recorder = recorder
        self._span = span

    def __enter__(self) -> Span:
        return self._span.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._span.__exit__(*raised)  # type: ignore[arg-type]
        self._recorder.flush()


def entry(
    name: str, kind: Kind, attributes: Attributes | None = None, *, links: Sequence[trace.Trace] = ()
) -> AbstractContextManager[Span]:
    """A way into this process: the current trace's first span here. `links`: other traces that led to it."""
    if _recorder is None or trace.current() is None:
        return NOTHING
    return _Entry(_recorder, _recorder.open(name, kind, attributes or {}, links))


def child(name: str, kind: Kind, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """A part of the current span; nothing outside of one."""
    if _recorder is None:
        return NOTHING
    current = trace.current()
    if current is None or current.is_root:
        return NOTHING
    return _recorder.open(name, kind, attributes or {}, ())


def calls(service: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function whose every call is one of `service`, as a child."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        name = f"{service} {function.__name__.strip('_')}"

        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            if _recorder is None:
                return function(*args, **options)
            with child(name, "client", {"service.peer.name": service}):
                return function(*args, **options)

        return call

    return mark

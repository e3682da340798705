"""OpenTelemetry's SDK under konnect.spans, imported only when an endpoint is configured.

In a function, the spans that have ended are sent in one OTLP/HTTP request before each answer, for the process is frozen
after it: a request pays for that, bounded by OTEL_EXPORTER_OTLP_TIMEOUT, and after a failure nobody does for SILENT_S.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import unquote

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from . import trace
from .config import Settings
from .errors import KonnectError
from .spans import Attributes, Kind, Span

log = logging.getLogger(__name__)

WAITING_MAX = 2_048
"""Ended spans that wait to be sent: beyond, the oldest are dropped."""
SILENT_S = 30.0
_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class OpenTelemetry:
    """The recorder of a process. Its provider is its own: Google's clients record nothing into it."""

    def __init__(self, settings: Settings, service: str, in_background: bool) -> None:
        exporter = OTLPSpanExporter(
            endpoint=f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
            headers=_headers(settings.otel_exporter_otlp_headers),
            timeout=settings.otel_exporter_otlp_timeout,
        )
        self._ended = None if in_background else _Ended(exporter)
        resource = Resource.create({"service.name": service, "service.namespace": "konnect"})
        self._provider = TracerProvider(_sampler(settings), resource, shutdown_on_exit=False, id_generator=_Ids())
        self._provider.add_span_processor(self._ended or BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("konnect")

    @contextmanager
    def open(self, name: str, kind: Kind, attributes: Attributes, links: Sequence[trace.Trace]) -> Iterator[Span]:
        current = trace.current()
        assert current is not None
        parent = Context() if current.is_root else set_span_in_context(NonRecordingSpan(_context(current)), Context())
        span = self._tracer.start_span(
            name,
            parent,
            _KINDS[kind],
            {key: value for key, value in attributes.items() if value is not None},
            [Link(_context(one)) for one in links],
        )
        own = span.get_span_context()
        flags = format(int(own.trace_flags), "02x")
        shown = _Recorded(span)
        try:
            with trace.within(trace.Trace(format_trace_id(own.trace_id), format_span_id(own.span_id), flags)):
                yield shown
        except BaseException as error:
            # Its text stays in the logs.
            if isinstance(error, KonnectError) and error.status < 500:
                shown.set({"error.type": error.code})
            else:
                shown.fail(error.code if isinstance(error, KonnectError) else type(error).__name__)
            raise
        finally:
            span.end()

    def flush(self) -> None:
        if self._ended is not None:
            self._ended.send()

    def close(self) -> None:
        self.flush()
        self._provider.shutdown()


class _Recorded:
    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    def __bool__(self) -> bool:
        return self._span.is_recording()

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))


class _Ended(SpanProcessor):
    """Keeps what has ended until it is sent, by whichever request answers next."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._spans: deque[ReadableSpan] = deque(maxlen=WAITING_MAX)
        self._silent_until = 0.0

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._spans.append(span)

    def send(self) -> None:
        batch = []
        while self._spans:
            try:
                batch.append(self._spans.popleft())
            except IndexError:
                # Another request took the last one.
                break
        if not batch or time.monotonic() < self._silent_until:
            return
        try:
            sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:
            log.warning("spans not encoded", extra={"error": repr(error)})
            sent = False
        if not sent:
            self._silent_until = time.monotonic() + SILENT_S
            log.warning("spans not exported", extra={"count": len(batch), "silent_s": SILENT_S})

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Ids(RandomIdGenerator):
    """A trace that begins here has its ids already: log lines may have named them."""

    def generate_trace_id(self) -> int:
        current = trace.current()
        return int(current.id, 16) if current is not None else super().generate_trace_id()

    def generate_span_id(self) -> int:
        current = trace.current()
        return int(current.span, 16) if current is not None and current.is_root else super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        return False


def _context(of: trace.Trace) -> SpanContext:
    return SpanContext(int(of.id, 16), int(of.span, 16), is_remote=True, trace_flags=TraceFlags(int(of.flags, 16)))


def _headers(given: str) -> Mapping[str, str]:
    """ "name=value,name=value", the values percent-encoded (OTEL_EXPORTER_OTLP_HEADERS)."""
    pairs = (one.partition("=") for one in given.split(",") if "=" in one)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


def _sampler(settings: Settings) -> Sampler:
    ratio = settings.otel_traces_sampler_arg
    samplers: dict[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": TraceIdRatioBased(ratio),
        "parentbased_always_on": DEFAULT_ON,
        "parentbased_always_off": DEFAULT_OFF,
        "parentbased_traceidratio": ParentBasedTraceIdRatio(ratio),
    }
    return samplers[settings.otel_traces_sampler]

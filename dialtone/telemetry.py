"""Traces and metrics over OTLP, for whoever has set OTEL_EXPORTER_OTLP_ENDPOINT; nothing for all others.

1. A call is one trace. Its id is derived from the call's id, so that each turn, the media worker and the keeper of
   recordings find it in whatever process they are, and nothing has to be carried along.
2. The trace's root is the span `call`, from the first turn to the last, with an id that is derived too; whoever ends
   the call writes it. What a turn or a stream does hangs below it. A `traceparent` that the platform sends is a link.
3. Switched off, opentelemetry is not imported and a span costs a function call.
4. No span and no metric has who called, or what was said, typed or dialled. Names are in docs/reference/telemetry.md.

Source: W3C Trace Context, "traceparent header"; OpenTelemetry, "Environment variable specification".
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
DISABLED: Final = "OTEL_SDK_DISABLED"
Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool
Attributes = Mapping[str, Value]
_NONE: Final[Attributes] = {}

_OFF: Final = nullcontext()


def trace_of(call_id: str) -> int:
    """The id of a call's trace."""
    return int.from_bytes(_digest(call_id)[:16]) or 1


def root_of(call_id: str) -> int:
    """The id of the root span of a call's trace."""
    return int.from_bytes(_digest(call_id)[16:24]) or 1


def traceparent_of(call_id: str) -> str:
    """The header that continues a call's trace elsewhere."""
    return f"00-{trace_of(call_id):032x}-{root_of(call_id):016x}-01"


def _digest(call_id: str) -> bytes:
    return sha256(f"dialtone trace\n{call_id}".encode("utf-8", "surrogatepass")).digest()


class Telemetry:
    """What a process tells. `shut_down` sends what is left."""

    def __init__(self, traces: "TracerProvider", metrics: "MeterProvider", ids: "_Ids") -> None:
        self._traces, self._metrics, self._ids = traces, metrics, ids
        self._tracer = traces.get_tracer("dialtone")
        self._meter = metrics.get_meter("dialtone")
        self._instruments: dict[str, Any] = {}

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, *, call_id: str = "", kind: Kind = "internal", traceparent: str = ""
    ) -> Iterator[None]:
        """See `span`."""
        from opentelemetry import trace

        context = None
        if call_id and trace.get_current_span().get_span_context().trace_id != (trace_id := trace_of(call_id)):
            context = _context(trace_id, root_of(call_id))
        links = [trace.Link(parent)] if (parent := _parent(traceparent)) is not None else []
        if call_id:
            attributes = {"dialtone.call.id": call_id, **attributes}
        with self._tracer.start_as_current_span(
            name, context=context, kind=trace.SpanKind[kind.upper()], attributes=attributes, links=links,
            record_exception=False, set_status_on_exception=False,
        ) as current:  # fmt: skip
            try:
                yield
            except BaseException as error:
                # Its text may hold what a caller typed.
                current.set_attribute("error.type", type(error).__name__)
                current.set_status(trace.Status(trace.StatusCode.ERROR))
                raise

    def call(self, call_id: str, attributes: Attributes, *, started: float, ended: float) -> None:
        """See `call_ended`."""
        from opentelemetry import context as contexts
        from opentelemetry import trace

        self._ids.force(trace_of(call_id), root_of(call_id))
        try:
            root = self._tracer.start_span(
                "call",
                context=contexts.Context(),
                kind=trace.SpanKind.SERVER,
                start_time=int(started * 1e9),
                attributes={"dialtone.call.id": call_id, **attributes},
            )
        finally:
            self._ids.force(0, 0)
        root.end(int(ended * 1e9))

    def count(self, name: str, number: int = 1, **attributes: Value) -> None:
        """See `count`."""
        counter = self._instruments.get(name)
        if counter is None:
            counter = self._instruments[name] = self._meter.create_counter(name)
        counter.add(number, attributes)

    def measure(self, name: str, seconds: float, **attributes: Value) -> None:
        """See `measure`."""
        histogram = self._instruments.get(name)
        if histogram is None:
            histogram = self._instruments[name] = self._meter.create_histogram(name, unit="s")
        histogram.record(seconds, attributes)

    def flush(self) -> None:
        """Send what is there now."""
        self._traces.force_flush()
        self._metrics.force_flush()

    def shut_down(self) -> None:
        """Send what is left, and stop."""
        self._traces.shutdown()
        self._metrics.shutdown()


_current: Telemetry | None = None


def start(service: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Begin to tell, as `service`, where the environment names a collector; whether it does. Once in a process.

    Raises ModuleNotFoundError when it does and the extra `telemetry` is not installed.
    """
    global _current
    wanted = any(environment.get(name) for name in ENDPOINTS) and environment.get(DISABLED, "").lower() != "true"
    if wanted and _current is None:
        _current = _telemetry(service)
    return wanted


def stop() -> None:
    """Send what is left, and be silent from here on."""
    global _current
    telemetry, _current = _current, None
    if telemetry is not None:
        telemetry.shut_down()


def flush() -> None:
    """Send what is there now."""
    if _current is not None:
        _current.flush()


def is_on() -> bool:
    """Whether this process tells anything."""
    return _current is not None


def span(
    name: str, attributes: Attributes = _NONE, *, call_id: str = "", kind: Kind = "internal", traceparent: str = ""
) -> AbstractContextManager[None]:
    """A span around a block: of a call's trace where `call_id` is given, else below the span that is current."""
    if _current is None:
        return _OFF
    return _current.span(name, attributes, call_id=call_id, kind=kind, traceparent=traceparent)


def call_ended(call_id: str, attributes: Attributes, *, started: float, ended: float) -> None:
    """Write the root of a call's trace; times are in Unix seconds."""
    if _current is not None:
        _current.call(call_id, attributes, started=started, ended=ended)


def count(name: str, number: int = 1, **attributes: Value) -> None:
    """Add to a counter."""
    if _current is not None:
        _current.count(name, number, **attributes)


def measure(name: str, seconds: float, **attributes: Value) -> None:
    """Add a length of time to a histogram."""
    if _current is not None:
        _current.measure(name, seconds, **attributes)


def current_traceparent() -> str:
    """The header that continues the current trace in a request to somebody else; empty where there is none."""
    if _current is None:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01" if context.is_valid else ""


class _Ids:
    """Random ids, but those that are forced."""

    def __init__(self) -> None:
        self._forced: ContextVar[tuple[int, int]] = ContextVar("forced ids", default=(0, 0))

    def force(self, trace_id: int, span_id: int) -> None:
        """Give the next ones; 0 ends it."""
        self._forced.set((trace_id, span_id))

    def generate_trace_id(self) -> int:
        """See `IdGenerator`."""
        return self._forced.get()[0] or int.from_bytes(os.urandom(16)) or 1

    def generate_span_id(self) -> int:
        """See `IdGenerator`."""
        return self._forced.get()[1] or int.from_bytes(os.urandom(8)) or 1


def _telemetry(service: str) -> Telemetry:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Ids(_Ids, IdGenerator):
        """Ours, as the SDK wants it."""

    ids = Ids()
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, where they are set, come first.
    resource = Resource({"service.name": service}).merge(Resource.create({}))
    if os.environ.get("OTEL_SERVICE_NAME") is None:
        resource = resource.merge(Resource({"service.name": service}))
    traces = TracerProvider(resource=resource, id_generator=ids)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    return Telemetry(traces, metrics, ids)


def _context(trace_id: int, span_id: int) -> Any:
    from opentelemetry import context, trace

    parent = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(1))
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), context.get_current())


def _parent(traceparent: str) -> Any:
    """What a header `traceparent` names; None for one that is none."""
    from opentelemetry import trace

    parts = traceparent.split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2]:
        return None
    try:
        trace_id, span_id = int(parts[1], 16), int(parts[2], 16)
    except ValueError:
        return None
    found = trace.SpanContext(trace_id, span_id, is_remote=True)
    return found if found.is_valid else None

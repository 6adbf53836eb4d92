"""Traces by OpenTelemetry's SDK, over OTLP; imported only when they are wanted. The SDK reads its own variables."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread

from google.protobuf.message import DecodeError
from opentelemetry import propagate, trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from speech_core.service.settings import OtlpProtocol, SettingsError, span_batches
from speech_core.service.tracing import TRACEPARENT, Attributes, Kind, Span, Tracer, is_usable

_W3C = TraceContextTextMapPropagator()
_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "server": SpanKind.SERVER}
# Whoever ends a service must not wait for a collector that is away.
_CLOSE_SECONDS = 3.0


class _RecordedSpan(Span):
    """
    A span of the SDK; all children of one share the context that names it.

    What is told of one that has ended is not heard: the span of a socket ends with its upgrade.
    """

    __slots__ = ("_inside", "_span", "_tracer", "is_recorded")

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._inside = trace.set_span_in_context(span)
        self.is_recorded = span.get_span_context().trace_flags.sampled

    @property
    def trace_id(self) -> str:  # type: ignore[override]
        return trace.format_trace_id(self.context.trace_id)

    @property
    def span_id(self) -> str:  # type: ignore[override]
        return trace.format_span_id(self.context.span_id)

    @property
    def context(self) -> trace.SpanContext:
        return self._span.get_span_context()

    def child(
        self, name: str, attributes: Attributes | None = None, *, kind: Kind = "internal", links: Sequence[Span] = ()
    ) -> Span:
        if not self.is_recorded:
            return self
        linked = [Link(one.context) for one in links if isinstance(one, _RecordedSpan)]
        began = self._tracer.start_span(name, self._inside, _KINDS[kind], attributes, linked)
        return _RecordedSpan(self._tracer, began)

    def past(self, name: str, *, began_ns: int, ended_ns: int) -> None:
        if self.is_recorded:
            self._tracer.start_span(name, self._inside, start_time=began_ns).end(ended_ns)

    def rename(self, name: str, attributes: Attributes) -> None:
        if self._span.is_recording():
            self._span.update_name(name)
            self._span.set_attributes(attributes)

    def set(self, attributes: Attributes) -> None:
        if self._span.is_recording():
            self._span.set_attributes(attributes)

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        if self._span.is_recording():
            self._span.add_event(name, attributes)

    def link(self, other: Span) -> None:
        if self._span.is_recording() and isinstance(other, _RecordedSpan):
            self._span.add_link(other.context)

    def fail(self, code: str) -> None:
        if self._span.is_recording():
            self._span.set_attribute("error.type", code)
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagate.inject(carrier, self._inside)
        return carrier

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.context.trace_flags:02x}"

    @property
    def exemplar(self) -> dict[str, str] | None:
        return {"trace_id": self.trace_id, "span_id": self.span_id} if self.is_recorded else None


class _Answers:
    """What a collector says of a delivery that it has taken: how many of the spans it has rejected."""

    def __init__(self) -> None:
        self.rejected = 0

    def heed(self, answer: ExportTraceServiceResponse) -> None:
        self.rejected += answer.partial_success.rejected_spans

    def heed_bytes(self, answer: bytes) -> None:
        with suppress(DecodeError):  # some collectors answer in words of their own
            self.heed(ExportTraceServiceResponse.FromString(answer))


class _Delivery(SpanExporter):
    """Counts what an exporter takes and what it fails to deliver."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.taken = 0
        self.failed = 0
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Queue(SpanProcessor):
    """The SDK's batches behind a bound of our own: what is above it is dropped here, and counted."""

    def __init__(self, exporter: SpanExporter, answers: _Answers) -> None:
        bounds = span_batches()
        self._most = bounds["OTEL_BSP_MAX_QUEUE_SIZE"]
        self._answers = answers
        self._delivery = _Delivery(exporter)
        self._batches = BatchSpanProcessor(
            self._delivery,
            self._most,
            bounds["OTEL_BSP_SCHEDULE_DELAY"],
            bounds["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
            bounds["OTEL_BSP_EXPORT_TIMEOUT"],
        )
        self._lock = Lock()
        self._accepted = 0
        self._overflowed = 0

    @property
    def dropped(self) -> int:
        return self._overflowed + self._delivery.failed + self._answers.rejected

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            full = self._accepted - self._delivery.taken >= self._most
            self._accepted += not full
            self._overflowed += full
        if not full:
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Deliver what waits; an exporter that is stuck is left behind."""
        closing = Thread(target=self._batches.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)


class _OtlpTracer(Tracer):
    def __init__(self, provider: TracerProvider, queue: _Queue) -> None:
        self._provider = provider
        self._queue = queue
        self._tracer = provider.get_tracer("speech_core")

    @property
    def dropped(self) -> int:
        return self._queue.dropped

    def begin(
        self,
        name: str,
        carrier: Mapping[str, str],
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
    ) -> Span:
        """The carrier is read as the variables say; *traceparent* is W3C's whatever they say."""
        context = _W3C.extract({TRACEPARENT: traceparent}) if is_usable(traceparent) else propagate.extract(carrier)
        return _RecordedSpan(self._tracer, self._tracer.start_span(name, context, SpanKind.SERVER, attributes))

    def close(self) -> None:
        self._provider.shutdown()


def tracer_for(service: str, version: str, protocol: OtlpProtocol) -> Tracer:
    """Raises `SettingsError` for what the SDK and its exporter do not understand."""
    answers = _Answers()
    try:
        queue = _Queue(_exporter(protocol, answers), answers)
        provider = TracerProvider(resource=_resource(service, version), shutdown_on_exit=False)
    except ValueError as error:
        raise SettingsError(f"OTEL_*: {error}") from None
    provider.add_span_processor(queue)
    return _OtlpTracer(provider, queue)


def _resource(service: str, version: str) -> Resource:
    resource = Resource({"service.version": version}).merge(Resource.create())
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": f"speech-{service}"}))
    return resource


def _exporter(protocol: OtlpProtocol, answers: _Answers) -> SpanExporter:
    if protocol == "grpc":
        return import_module("speech_core.service.otlp_grpc").exporter(answers.heed)
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def heed(answer: requests.Response, *_: object, **__: object) -> None:
        if answer.ok:
            answers.heed_bytes(answer.content)

    session = requests.Session()
    session.hooks["response"].append(heed)
    return OTLPSpanExporter(session=session)

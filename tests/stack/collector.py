"""A real receiver of OTLP, over HTTP and over gRPC."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from speech_core.testing.waiting import wait_until

SERVER, CLIENT = trace_pb2.Span.SPAN_KIND_SERVER, trace_pb2.Span.SPAN_KIND_CLIENT


@dataclass(frozen=True)
class Span:
    """What the tests look at."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    started: int
    ended: int
    links: tuple[str, ...]
    events: tuple[str, ...]
    attributes: dict[str, Any]
    kind: int
    failed: bool

    def __str__(self) -> str:
        return f"{self.service.removeprefix('speech-')} {self.name}"


@dataclass
class Collector:
    """All spans that came; of each delivery, as many as *rejects* says are told to be rejected."""

    endpoint: str = ""
    protocol: str = ""
    spans: list[Span] = field(default_factory=list)
    rejects: int = 0

    def take(
        self, request: trace_service_pb2.ExportTraceServiceRequest
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_span(named["service.name"], span) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse(partial_success={"rejected_spans": self.rejects})

    def of(self, trace_id: str) -> list[Span]:
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def wait_for(self, trace_id: str, *names: str) -> list[Span]:
        """The spans of a trace, once those named are there; the last to end ends the trace."""
        wait_until(lambda: set(names) <= {str(span) for span in self.of(trace_id)})
        return self.of(trace_id)

    def settings(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": self.protocol,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }


def _span(service: str, span: Any) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        tuple(link.span_id.hex() for link in span.links),
        tuple(event.name for event in span.events),
        {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
        span.kind,
        span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
    )


@contextmanager
def over_http() -> Iterator[Collector]:
    collector = Collector(protocol="http/protobuf")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = collector.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body)).SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """The tests tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def over_grpc() -> Iterator[Collector]:
    collector = Collector(protocol="grpc")

    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            return collector.take(request)

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()

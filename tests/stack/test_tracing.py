"""One trace for an echo and one for an utterance, across three processes, at a real receiver of OTLP."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

TRACE_ID, CLIENT_SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER = trace_pb2.Span.SPAN_KIND_SERVER
TRACEPARENT = f"00-{TRACE_ID}-{CLIENT_SPAN_ID}-01"


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

    def __str__(self) -> str:
        return f"{self.service.removeprefix('speech-')} {self.name}"


@dataclass
class Collector:
    """All spans that came."""

    endpoint: str = ""
    protocol: str = ""
    spans: list[Span] = field(default_factory=list)

    def take(self, request: trace_service_pb2.ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_span(named["service.name"], span) for span in scope.spans]

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
    )


@contextmanager
def over_http() -> Iterator[Collector]:
    collector = Collector(protocol="http/protobuf")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            answer = trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
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
            collector.take(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


@pytest.fixture(params=[over_http, over_grpc], ids=["http", "grpc"])
def collector(request: pytest.FixtureRequest) -> Generator[Collector]:
    with request.param() as one:
        yield one


def tree(spans: list[Span], parent_id: str, depth: int = 0) -> list[str]:
    """The names below a span, in the order of their beginning, each indented under its parent."""
    children = sorted((span for span in spans if span.parent_id == parent_id), key=lambda span: span.started)
    return [line for span in children for line in (f"{'  ' * depth}{span}", *tree(spans, span.span_id, depth + 1))]


def one(spans: list[Span], name: str) -> Span:
    (found,) = [span for span in spans if str(span) == name]
    return found


def test_an_echo_is_one_trace(start_fakes: Callable[..., Any], clip: bytes, collector: Collector) -> None:
    stack = start_fakes(**collector.settings())

    answer = httpx.post(f"{stack.url}/api/echo-bytes", content=clip, headers={"traceparent": TRACEPARENT}, timeout=60)

    spans = collector.wait_for(TRACE_ID, "gateway POST /api/echo-bytes", "tts POST /api/tts", "asr POST /api/stt/bytes")
    assert answer.status_code == 200
    assert tree(spans, CLIENT_SPAN_ID) == [
        "gateway POST /api/echo-bytes",
        "  gateway POST /api/stt/bytes",
        "    asr POST /api/stt/bytes",
        "      asr spool",
        "      asr decode",
        "      asr vad",
        "      asr window",
        "        asr queue wait",
        "        asr batch",
        "  gateway POST /api/tts",
        "    tts POST /api/tts",
        "      tts queue wait",
        "      tts sentence",
        "      tts encode",
    ]
    assert one(spans, "asr batch").links == (one(spans, "asr window").span_id,)
    assert "first audio" in one(spans, "tts POST /api/tts").events
    root = one(spans, "gateway POST /api/echo-bytes")
    assert answer.headers["traceparent"] == f"00-{TRACE_ID}-{root.span_id}-01"
    assert root.attributes["http.response.status_code"] == 200


def test_an_utterance_on_a_socket_is_one_trace(start_fakes: Callable[..., Any], collector: Collector) -> None:
    stack = start_fakes(**collector.settings())
    with connect(f"{stack.ws_url}/ws/tts", additional_headers={"traceparent": TRACEPARENT}) as socket:
        socket.send(json.dumps({"text": "One sentence."}))
        _until_end(socket)

    spans = collector.wait_for(TRACE_ID, "gateway utterance", "tts utterance", "tts GET /ws/tts")
    assert tree(spans, CLIENT_SPAN_ID) == [
        "gateway GET /ws/tts",
        "  gateway GET /ws/tts",
        "    tts GET /ws/tts",
        "gateway utterance",
        "  tts utterance",
        "    tts queue wait",
        "    tts sentence",
        "    tts encode",
    ]
    assert "first audio" in one(spans, "tts utterance").events
    assert "first audio" in one(spans, "gateway utterance").events


def test_without_a_trace_of_the_client_each_utterance_is_its_own(start_fakes: Callable[..., Any]) -> None:
    with over_http() as collector:
        stack = start_fakes(**collector.settings())
        with connect(f"{stack.ws_url}/ws/tts") as socket:
            for text in ("One.", "Two."):
                socket.send(json.dumps({"text": text}))
                _until_end(socket)
            socket.send(json.dumps({"text": "Three.", "traceparent": TRACEPARENT}))
            _until_end(socket)
        wait_until(lambda: sum(str(span) == "gateway utterance" for span in collector.spans) == 3)

    utterances = [span for span in collector.spans if str(span) == "gateway utterance"]
    (upgrade,) = [span for span in collector.spans if str(span) == "gateway GET /ws/tts" and span.kind == SERVER]
    assert len({span.trace_id for span in utterances} | {upgrade.trace_id}) == 4
    assert [span.parent_id for span in utterances] == ["", "", CLIENT_SPAN_ID]
    assert {span.links for span in utterances} == {(upgrade.span_id,)}


def test_with_the_real_engines_each_step_lies_within_its_request(start_stack: Callable[..., Any], clip: bytes) -> None:
    with over_http() as collector:
        stack = start_stack(**collector.settings())
        httpx.post(f"{stack.url}/api/echo-bytes", content=clip, headers={"traceparent": TRACEPARENT}, timeout=120)
        spans = collector.wait_for(TRACE_ID, "gateway POST /api/echo-bytes", "tts POST /api/tts")

    assert {str(span) for span in spans} >= {"asr decode", "asr vad", "asr batch", "tts sentence", "tts encode"}
    for service in ("asr", "tts"):
        (request,) = [span for span in spans if span.service == f"speech-{service}" and span.kind == SERVER]
        for span in spans:
            if span.service == request.service:
                assert request.started <= span.started <= span.ended <= request.ended, str(span)
    assert one(spans, "asr batch").ended - one(spans, "asr batch").started > 10_000_000


def test_with_nobody_to_export_to_every_request_is_served_and_the_loss_is_counted(
    start_fakes: Callable[..., Any], free_port: Callable[[], int]
) -> None:
    nobody = Collector(f"http://127.0.0.1:{free_port()}", "http/protobuf")
    stack = start_fakes(**nobody.settings(), OTEL_EXPORTER_OTLP_TIMEOUT="1")

    for _ in range(20):
        assert httpx.post(f"{stack.url}/api/tts", json={"text": "Hello."}, timeout=5).status_code == 200

    for process in (stack.gateway, stack.tts):
        wait_until(lambda process=process: process.counted("speech_spans_dropped_total") >= 20, seconds=20)
        began_seconds = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - began_seconds < 10


def _until_end(socket: Any) -> None:
    while True:
        message = socket.recv(timeout=20)
        if isinstance(message, str) and json.loads(message)["type"] == "end":
            return

"""One trace for an echo and one for an utterance, across three processes, at a real receiver of OTLP."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

from .collector import CLIENT, SERVER, Collector, Span, over_grpc, over_http

pytestmark = pytest.mark.timeout(180)

TRACE_ID, CLIENT_SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{CLIENT_SPAN_ID}-01"


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
    assert "first audio" in root.events
    assert {span.attributes["speech.outcome"] for span in spans if span.kind == SERVER} == {"ok"}
    assert [
        span.attributes["url.full"] for span in sorted(spans, key=lambda one: one.started) if span.kind == CLIENT
    ] == [
        f"{stack.asr.url}/api/stt/bytes",
        f"{stack.tts.url}/api/tts",
    ]


def test_a_mistake_of_the_caller_is_an_error_of_the_client_span_alone(start_fakes: Callable[..., Any]) -> None:
    with over_http() as collector:
        stack = start_fakes(**collector.settings())
        httpx.post(f"{stack.url}/api/tts", json={"text": " "}, headers={"traceparent": TRACEPARENT}, timeout=20)
        spans = collector.wait_for(TRACE_ID, "gateway POST /api/tts", "tts POST /api/tts")

    told = {(span.service, span.kind): (span.failed, span.attributes["error.type"]) for span in spans}
    assert told == {
        ("speech-gateway", SERVER): (False, "empty_text"),
        ("speech-gateway", CLIENT): (True, "400"),
        ("speech-tts", SERVER): (False, "empty_text"),
    }


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


def test_an_unusable_traceparent_leaves_an_utterance_in_its_sockets_trace(
    start_fakes: Callable[..., Any],
) -> None:
    with over_http() as collector:
        stack = start_fakes(**collector.settings())
        with connect(f"{stack.ws_url}/ws/tts", additional_headers={"traceparent": TRACEPARENT}) as socket:
            socket.send(json.dumps({"text": "One sentence.", "traceparent": "00-nothing"}))
            _until_end(socket)
        spans = collector.wait_for(TRACE_ID, "gateway utterance", "tts utterance")

    assert one(spans, "gateway utterance").parent_id == CLIENT_SPAN_ID
    assert one(spans, "tts utterance").parent_id == one(spans, "gateway utterance").span_id


def test_a_tracestate_of_the_client_does_not_get_into_messages(start_fakes: Callable[..., Any]) -> None:
    with over_http() as collector:
        stack = start_fakes(**collector.settings())
        headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=1", "baggage": "a=b"}
        with connect(f"{stack.ws_url}/ws/tts", additional_headers=headers) as socket:
            socket.send(json.dumps({"text": "One sentence."}))
            _until_end(socket)
        collector.wait_for(TRACE_ID, "gateway utterance", "tts utterance")


@pytest.mark.parametrize("given", [{}, {"traceparent": TRACEPARENT}], ids=["without a trace", "with a trace"])
def test_what_is_no_message_is_one_trace_as_well(start_fakes: Callable[..., Any], given: dict[str, str]) -> None:
    messages = (
        {"type": "append", "text": 5}, {"type": "append", "text": "It is written."}, b"\0", "no json",
        {"text": "", "speed": 9}, {"text": "Who?", "voice": "nobody"}, {"text": "Two."}, {"type": "flush"},
    )  # fmt: skip
    with over_http() as collector:
        stack = start_fakes(**collector.settings())
        with connect(f"{stack.ws_url}/ws/tts", additional_headers=given) as socket:
            for message in messages:
                socket.send(json.dumps(message) if isinstance(message, dict) else message)
            _until_end(socket, ends=len(messages) - 1)
        for service in ("gateway", "tts"):
            wait_until(lambda service=service: len(utterances(collector, service)) == len(messages) - 1)

    here, there = utterances(collector, "gateway"), utterances(collector, "tts")
    assert sorted(span.trace_id for span in here) == sorted(span.trace_id for span in there)
    assert sorted(span.attributes["speech.outcome"] for span in here) == ["client_error"] * 5 + ["ok"] * 2
    by_id = {span.span_id: span for span in here}
    within = [span for span in there if span.parent_id in by_id]
    assert len(within) == 3, "what can carry a trace is within the gateway's"
    for span in within:
        assert span.attributes["speech.outcome"] == by_id[span.parent_id].attributes["speech.outcome"]


def utterances(collector: Collector, service: str) -> list[Span]:
    return [span for span in list(collector.spans) if str(span) == f"{service} utterance"]


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


def test_what_a_collector_takes_and_rejects_is_counted_as_lost(
    start_fakes: Callable[..., Any], collector: Collector
) -> None:
    collector.rejects = 1
    stack = start_fakes(**collector.settings())

    assert httpx.post(f"{stack.url}/api/tts", json={"text": "Hello."}, timeout=20).status_code == 200

    for process in (stack.gateway, stack.tts):
        wait_until(lambda process=process: process.counted("speech_spans_dropped_total") >= 1)


@pytest.mark.parametrize("service", ["gateway", "asr", "tts"])
def test_a_propagator_that_is_not_there_ends_a_service_with_one_line(service: str) -> None:
    environment = {**os.environ, "OTEL_PROPAGATORS": "tracecontext, b3"}

    command = [sys.executable, "-m", f"speech_{service}"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert ended.stderr == "error: OTEL_PROPAGATORS: `b3` is not installed; there are baggage, tracecontext\n"


def _until_end(socket: Any, ends: int = 1) -> None:
    """All up to the last `end`; of several, an `error` is one as well."""
    while ends:
        message = socket.recv(timeout=20)
        kind = json.loads(message)["type"] if isinstance(message, str) else None
        assert ends > 1 or kind != "error", message
        ends -= kind in ("end", "error")

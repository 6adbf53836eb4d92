"""What the gateway counts a request as, where it only passes on what a service says."""

import json
from collections import Counter

import httpx
import pytest
from websockets.sync.client import connect

from speech_core.contracts.transcription import Coverage, DoneEvent
from speech_core.errors import Overloaded
from speech_core.testing.live import live_server
from speech_core.testing.waiting import wait_until
from speech_gateway.app import create_app
from speech_gateway.routes.error_watch import ErrorWatch, HeardWatch
from speech_gateway.settings import GatewaySettings

SEGMENT = 'event: segment\ndata: {"start_ms": 0, "end_ms": 1000, "text": "one."}\n\n'
ERROR = 'event: error\ndata: {"type": "error", "error": {"type": "%s", "code": "%s"}}\n\n'


@pytest.fixture
def counted(net):
    """The gateway with its metrics at hand, and what it has counted."""
    app = create_app(GatewaySettings(asr_url=net.asr_live.url, tts_url=net.tts_live.url))

    def outcomes() -> Counter[tuple[str, str]]:
        return Counter(
            {
                (sample.labels["operation"], sample.labels["outcome"]): int(sample.value)
                for family in app.state.shell.metrics.registry.collect()
                for sample in family.samples
                if sample.name == "speech_requests_total" and sample.value
            }
        )

    with live_server(app) as live:
        yield live, outcomes


@pytest.mark.parametrize(
    ("kind", "code", "outcome"),
    [
        ("overloaded_error", "queue_full", "refused"),
        ("unavailable_error", "draining", "refused"),
        ("unavailable_error", "engine_failed", "failed"),
    ],
)
def test_a_503_is_a_refusal_or_a_failure_by_its_code(net, counted, kind, code, outcome) -> None:
    live, outcomes = counted
    net.asr.refusal = 503, {"error": {"message": "not now", "type": kind, "code": code, "param": None}}

    answer = httpx.post(f"{live.url}/api/stt/bytes", content=b"audio")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
    assert answer.headers["retry-after-ms"]
    wait_until(lambda: outcomes() == {("stt", outcome): 1})


@pytest.mark.parametrize(
    ("kind", "code", "outcome"),
    [
        ("unavailable_error", "engine_failed", "failed"),
        ("invalid_request_error", "bad_audio", "client_error"),
        ("timeout_error", "deadline_exceeded", "failed"),
        ("unavailable_error", "draining", "refused"),
    ],
)
def test_an_error_that_is_told_by_an_event_counts_by_its_code(net, counted, kind, code, outcome) -> None:
    live, outcomes = counted
    net.asr.script = [SEGMENT, ERROR % (kind, code)]

    httpx.post(f"{live.url}/api/stt/bytes", content=b"audio", headers={"accept": "text/event-stream"})

    wait_until(lambda: outcomes() == {("stt", outcome): 1})


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
def test_an_error_is_seen_however_its_event_is_cut(size) -> None:
    told, watch = (SEGMENT + ERROR % ("overloaded_error", "queue_full")).encode(), ErrorWatch()

    for at in range(0, len(told), size):
        watch.feed(told[at : at + size])

    assert (type(watch.error), watch.error.code) == (Overloaded, "queue_full")


HEARD = Coverage(audio_seconds=7.25, transcribed_seconds=7.25, silent_seconds=0, failed_seconds=0)
OURS = DoneEvent(text="a" * 600, language=None, duration_seconds=7.25, segments=[], coverage=HEARD).model_dump_json()
OPENAIS = json.dumps({"type": "transcript.text.done", "text": "a" * 600, "usage": {}, "coverage": HEARD.model_dump()})


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
@pytest.mark.parametrize("told", [OURS, OPENAIS])
def test_what_was_heard_is_seen_in_the_last_event_however_it_is_cut(size, told) -> None:
    events, watch = f"{SEGMENT}event: done\ndata: {told}\n\n".encode(), HeardWatch()

    for at in range(0, len(events), size):
        watch.feed(events[at : at + size])

    assert watch.audio_seconds == 7.25


def test_an_event_that_only_speaks_of_an_error_is_none(net, counted) -> None:
    live, outcomes = counted
    text = json.dumps({"text": "\n\nevent: error\n"})
    net.asr.script = [f"event: segment\ndata: {text}\n\n"]

    httpx.post(f"{live.url}/api/stt/bytes", content=b"audio", headers={"accept": "text/event-stream"})

    wait_until(lambda: outcomes() == {("stt", "ok"): 1})


def test_an_utterance_in_progress_fails_when_its_service_breaks_off(counted) -> None:
    live, outcomes = counted

    with connect(f"{live.ws_url}/ws/tts") as socket:
        socket.send('{"text": "spoken"}')
        assert json.loads(socket.recv(timeout=20)) == {"text": "spoken"}
        socket.send("break")
        assert json.loads(socket.recv(timeout=20))["error"]["code"] == "upstream_unreachable"

    wait_until(lambda: outcomes() == {("tts_socket", "failed"): 1})


def test_a_socket_that_is_not_to_be_had_is_one_request() -> None:
    app = create_app(GatewaySettings(asr_url="http://127.0.0.1:9", tts_url="http://127.0.0.1:9"))

    with live_server(app) as live, pytest.raises(Exception, match="503"), connect(f"{live.ws_url}/ws/tts"):
        pass

    registry = app.state.shell.metrics.registry
    labels = {"service": "gateway", "operation": "tts_socket", "outcome": "failed"}
    assert registry.get_sample_value("speech_requests_total", labels) == 1

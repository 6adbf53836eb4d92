"""Every request is counted once, by what became of it, on the gateway and on the service; and so is every second."""

import contextlib
import json
import socket
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

from .counted import RATE_HZ, ended, outcomes, tone

pytestmark = pytest.mark.timeout(180)


def speak(stack: Any, text: str, **more: object) -> httpx.Response:
    return httpx.post(f"{stack.url}/api/tts", json={"text": text, **more}, timeout=30)


def transcribe(stack: Any, audio: bytes, **headers: str) -> httpx.Response:
    return httpx.post(f"{stack.url}/api/stt/bytes", content=audio, headers=headers, timeout=30)


@contextlib.contextmanager
def being_written(stack: Any) -> Generator[None]:
    """A text that is still being written holds a seat; leaving the block is leaving in the middle of it."""
    address = ("127.0.0.1", stack.gateway.port)
    head = "POST /api/tts HTTP/1.1\r\nhost: here\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}6\r\nHello\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        yield


def talk(stack: Any, *messages: dict[str, object], events: int) -> list[dict[str, Any]]:
    """Say all *messages* on one socket; gives the first *events* that end an utterance."""
    with connect(f"{stack.ws_url}/ws/tts") as line:
        for message in messages:
            line.send(json.dumps(message))
        return ended(line, events)


def test_every_request_has_one_outcome_on_the_gateway_and_on_the_service(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes(TTS_SEATS="1")
    before = {process.name: process.series().keys() for process in (stack.gateway, stack.asr, stack.tts)}

    for _ in range(3):
        assert speak(stack, "One two three.").status_code == 200
    for _ in range(2):
        assert speak(stack, " ").status_code == 400
    with being_written(stack):
        for _ in range(4):
            assert speak(stack, "No seat is free.").status_code == 503
        assert talk(stack, {"text": "No seat."}, events=1)[0]["error"]["code"] == "queue_full"
    for _ in range(2):
        assert transcribe(stack, tone(2)).status_code == 200
    assert transcribe(stack, tone(1), accept="text/event-stream").status_code == 200
    assert transcribe(stack, b"no audio").status_code == 400
    assert httpx.post(f"{stack.url}/api/echo-bytes", content=tone(2), timeout=30).status_code == 200
    wait_until(lambda: outcomes(stack.tts)["tts", "cancelled"] == 1)
    talk(stack, {"text": "One."}, {"text": "Two."}, {"type": "flush"}, {"text": "  "}, events=4)

    utterances = {("tts_socket", "ok"): 2, ("tts_socket", "client_error"): 2, ("tts_socket", "refused"): 1}
    speech = {("tts", "client_error"): 2, ("tts", "refused"): 4, ("tts", "cancelled"): 1}
    heard = {("stt", "ok"): 3, ("stt", "client_error"): 1}
    expected = {
        "gateway": {**utterances, **speech, **heard, ("tts", "ok"): 3, ("echo", "ok"): 1},
        "tts": {**utterances, **speech, ("tts", "ok"): 4},
        "asr": {**heard, ("stt", "ok"): 4},
    }
    for process in (stack.gateway, stack.asr, stack.tts):
        wait_until(lambda process=process: outcomes(process) == expected[process.name])
        assert process.series().keys() == before[process.name], "a series came into being"
        assert process.counted("speech_in_flight") == 0
        assert process.counted("speech_request_seconds_count") == sum(expected[process.name].values())
    for process in (stack.gateway, stack.tts):
        assert process.counted("speech_refused_total") == 5
        assert process.counted("speech_cancelled_total") == 1


def test_what_fails_is_counted_as_failed_by_both(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes(TTS_SYNTHESIS_TIMEOUT_SECONDS="1e-12")  # over before it begins, however fast the machine

    for _ in range(3):
        assert speak(stack, "Too slow.").status_code == 504
    assert talk(stack, {"text": "Too slow."}, events=1)[0]["error"]["code"] == "deadline_exceeded"
    stack.asr.kill()
    for _ in range(2):
        assert transcribe(stack, tone(1)).status_code == 503

    assert outcomes(stack.tts) == {("tts", "failed"): 3, ("tts_socket", "failed"): 1}
    wait_until(lambda: outcomes(stack.gateway)["stt", "failed"] == 2)
    assert outcomes(stack.gateway) == {("tts", "failed"): 3, ("tts_socket", "failed"): 1, ("stt", "failed"): 2}


def test_seconds_of_sound_are_those_that_were_sent_and_received(start_fakes: Callable[..., Any]) -> None:
    stack = start_fakes()
    received_seconds, sent_seconds = 0.0, 0.0

    for text in ("One two three.", "Four. Five six! Seven?"):
        received_seconds += len(speak(stack, text).content) / 2 / RATE_HZ
    for event in talk(stack, {"text": "Eight nine."}, {"text": "Ten.", "format": "mulaw"}, events=2):
        received_seconds += event["audio_seconds"]
    for seconds in (0.5, 2.25, 31.0):
        assert transcribe(stack, tone(seconds)).status_code == 200
        sent_seconds += seconds

    assert stack.tts.counted("speech_audio_seconds_total", direction="out") == pytest.approx(received_seconds, abs=1e-6)
    assert stack.asr.counted("speech_audio_seconds_total", direction="in") == pytest.approx(sent_seconds, abs=1e-6)

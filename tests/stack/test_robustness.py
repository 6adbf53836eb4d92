"""What happens when a process dies, the house is full, or a caller leaves: with real processes."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

pytestmark = pytest.mark.timeout(180)

# What 200 requests may leave behind in a process that has warmed up: arenas of the allocator, not requests.
KEPT_BYTES = 48 * 1024 * 1024


def test_a_killed_asr_is_503_and_its_return_is_noticed(stack, clip) -> None:
    long = httpx.post(f"{stack.url}/api/tts", json={"text": "One two three four. " * 100}, timeout=120).content
    query = "sr=22050&ch=1&fmt=s16le"
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(httpx.post, f"{stack.url}/api/stt/bytes?{query}", content=long, timeout=120)
        wait_until(lambda: in_flight(stack.asr, "stt") == 1)
        stack.asr.kill()
        broken = waiting.result()
    refused = httpx.post(f"{stack.url}/api/stt/bytes", content=clip, timeout=30)
    unhealthy = httpx.get(f"{stack.url}/health")
    stack.asr.start()
    stack.asr.wait_ready()
    healed = httpx.post(f"{stack.url}/api/stt/bytes", content=clip, timeout=60)

    assert (broken.status_code, broken.json()["error"]["type"]) == (503, "unavailable_error")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "upstream_unreachable")
    assert int(refused.headers["retry-after"]) >= 1
    assert unhealthy.status_code == 503
    assert healed.status_code == 200


@pytest.mark.parametrize("service", ["tts", "asr"])
def test_200_at_once_are_answered_right_or_refused(start_fakes, clip, service) -> None:
    seats = {"TTS_SEATS": "4", "ASR_SEATS": "4", "GATEWAY_SEATS": "500"}
    stack = start_fakes(**seats)
    process = getattr(stack, service)

    def ask() -> httpx.Response:
        if service == "tts":
            return httpx.post(f"{stack.url}/api/tts", json={"text": "one two three"}, timeout=60)
        return httpx.post(f"{stack.url}/api/stt/bytes", content=clip, timeout=60)

    alone = ask()
    ask_many(ask)
    before_bytes = process.resident_bytes()
    answers = ask_many(ask)

    good = [answer for answer in answers if answer.status_code == 200]
    full = [answer for answer in answers if answer.status_code == 503]
    assert len(good) + len(full) == 200
    assert good
    assert {answer.content for answer in good} == {alone.content}
    assert {answer.json()["error"]["code"] for answer in full} <= {"queue_full"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in full)
    assert process.resident_bytes() - before_bytes < KEPT_BYTES
    assert ask().content == alone.content


def ask_many(ask) -> list[httpx.Response]:
    with ThreadPoolExecutor(200) as callers:
        return [future.result() for future in [callers.submit(ask) for _ in range(200)]]


def in_flight(process, operation: str) -> float:
    return process.counted("speech_in_flight", operation=operation)


def wait_until_idle(process, operation: str) -> None:
    """What is in the engine is finished first: seconds, for a window of speech."""
    wait_until(lambda: in_flight(process, operation) == 0, seconds=60)


def test_a_listener_who_leaves_stops_the_engine_behind_the_gateway(stack) -> None:
    text = {"text": "One two three four five six seven. " * 100}

    with httpx.stream("POST", f"{stack.url}/api/tts", json=text, timeout=60) as answer:
        next(answer.iter_raw())
    wait_until_idle(stack.tts, "tts")

    with connect(f"{stack.ws_url}/ws/tts") as socket:
        socket.send(json.dumps(text))
        while not isinstance(socket.recv(timeout=60), bytes):
            pass
    wait_until_idle(stack.tts, "tts_socket")


def test_sound_comes_through_the_gateway_no_faster_than_asked(start_fakes) -> None:
    stack = start_fakes(TTS_OTHER_ENGINES="[]", TTS_SENTENCE_PAUSE_SECONDS="0")
    with connect(f"{stack.ws_url}/ws/tts", compression=None) as socket:
        socket.send(json.dumps({"text": "word " * 25, "ahead_seconds": 0.5}))
        began_seconds, event = time.monotonic(), {}
        while event.get("type") != "end":
            message = socket.recv(timeout=20)
            event = json.loads(message) if isinstance(message, str) else event

    assert event["audio_seconds"] == pytest.approx(2.5)
    assert time.monotonic() - began_seconds >= 2.5 - 0.5 - 0.1


def test_a_caller_who_leaves_stops_the_recognition_behind_the_gateway(stack, prose) -> None:
    audio = httpx.post(f"{stack.url}/api/tts", json={"text": prose}, timeout=120).content
    headers = {"accept": "text/event-stream"}

    with httpx.stream(
        "POST", f"{stack.url}/api/stt/bytes?sr=22050&ch=1&fmt=s16le", content=audio, headers=headers, timeout=60
    ) as answer:
        next(line for line in answer.iter_lines() if line.startswith("event: segment"))

    wait_until_idle(stack.asr, "stt")


def test_sigterm_ends_each_process_cleanly(start_fakes) -> None:
    stack = start_fakes()

    assert [process.stop() for process in (stack.gateway, stack.tts, stack.asr)] == [0, 0, 0]

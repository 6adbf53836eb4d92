import json
from urllib.parse import unquote

import httpx
import pytest

EVENTS = {"accept": "text/event-stream"}
DONE = "event: done\ndata: {}\n\n"


def segment(text: str, *, final: bool = False) -> str:
    content = {"start_ms": 0, "end_ms": 1000, "text": text, "type": "segment", "language": "en", "final": final}
    return f"event: segment\ndata: {json.dumps(content)}\n\n"


def echo(net, query: str = "", **more) -> httpx.Response:
    return httpx.post(f"{net.url}/api/echo-bytes{query}", content=b"audio", timeout=20, **more)


def test_all_segments_are_one_stream_with_one_header(net) -> None:
    net.asr.script = [segment("one."), segment("two\nlines."), segment(" "), segment("три."), DONE]

    answer = echo(net)

    assert answer.content.decode() == "HEAD<one.><two lines.><три.>"
    assert answer.headers["content-type"] == "audio/wav"
    assert "x-transcript" not in answer.headers


def test_a_single_segment_is_told_in_a_header(net) -> None:
    net.asr.script = [segment("Привет, мир.", final=True), DONE]

    assert unquote(echo(net).headers["x-transcript"]) == "Привет, мир."


def test_speech_starts_before_the_last_segment_is_recognized(net) -> None:
    net.asr.script = [segment("one."), "GATE", segment("two."), DONE]

    with httpx.stream("POST", f"{net.url}/api/echo-bytes", content=b"audio", timeout=20) as answer:
        parts = answer.iter_raw()
        first = next(parts)
        net.asr.gate.set()
        rest = b"".join(parts)

    assert (first, rest) == (b"HEAD<one.>", b"<two.>")


def test_as_events_the_words_come_with_the_sound(net) -> None:
    net.asr.script = [segment("one."), "GATE", segment("two."), DONE]

    with httpx.stream("POST", f"{net.url}/api/echo-bytes", content=b"audio", timeout=20, headers=EVENTS) as answer:
        names = []
        for line in answer.iter_lines():
            if line.startswith("event: "):
                names.append(line[7:])
            if line.startswith("event: audio"):
                net.asr.gate.set()

    assert names == ["transcript", "start", "audio", "transcript", "audio", "done"]


def test_what_is_said_of_the_recording_and_of_the_voice_goes_to_the_right_service(net) -> None:
    echo(net, "?voice=joe&format=mp3&speed=1.5&lang=en&sr=8000&fmt=mulaw")

    assert net.asr.requests[0]["query"] == "lang=en&sr=8000&fmt=mulaw"
    assert net.tts.requests[0]["query"] == "voice=joe&speed=1.5&format=mp3"
    assert net.asr.requests[0]["headers"]["x-request-id"] == net.tts.requests[0]["headers"]["x-request-id"]


@pytest.mark.parametrize(("service", "status"), [("asr", 400), ("asr", 503), ("tts", 400), ("tts", 503)])
@pytest.mark.parametrize("headers", [{}, EVENTS])
def test_a_refusal_of_either_service_is_the_answer(net, service, status, headers) -> None:
    kind = "invalid_request_error" if status == 400 else "overloaded_error"
    body = {"error": {"message": "no", "type": kind, "param": "file", "code": "some_code"}}
    getattr(net, service).refusal = (status, body)

    answer = echo(net, headers=headers)

    assert (answer.status_code, answer.json()) == (status, body)


def test_a_recording_without_speech_says_so(net) -> None:
    net.asr.script = [DONE]

    answer = echo(net)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_speech")


BROKEN = "event: error\ndata: " + json.dumps({"error": {"message": "x"}}) + "\n\n"


@pytest.mark.parametrize("tail", ["BREAK", BROKEN])
def test_a_recognition_that_breaks_off_cuts_the_stream(net, tail) -> None:
    net.asr.script = [segment("one."), tail]

    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{net.url}/api/echo-bytes", content=b"audio", timeout=20) as answer,
    ):
        list(answer.iter_raw())

    assert answer.status_code == 200


def test_as_events_a_break_is_an_error_event(net) -> None:
    net.asr.script = [segment("one."), "BREAK"]

    answer = echo(net, headers=EVENTS)

    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names[-1] == "error"
    assert "done" not in names


def test_a_caller_who_leaves_ends_both_services_work(net) -> None:
    net.asr.script = [segment("one."), "GATE", DONE]
    with httpx.stream("POST", f"{net.url}/api/echo-bytes", content=b"audio", timeout=20) as answer:
        next(answer.iter_raw())

    assert net.asr.left.wait(10)
    assert net.tts.left.wait(10)


def test_an_unknown_parameter_is_named(net) -> None:
    answer = echo(net, "?bogus=1")

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "bogus")

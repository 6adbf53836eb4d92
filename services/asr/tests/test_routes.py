import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from speech_core.testing.waiting import wait_until

from .conftest import silence, spooled, tone, wav

pytestmark = pytest.mark.usefixtures("own_folder")

EVENTS = {"accept": "text/event-stream"}


def post(live, content: bytes, query: str = "", **more) -> httpx.Response:
    return httpx.post(f"{live.url}/api/stt/bytes{query}", content=content, timeout=30, **more)


@pytest.mark.parametrize(
    ("content", "query", "code", "param"),
    [
        (b"", "", "bad_audio", "file"),
        (b"hello world", "", "bad_audio", "file"),
        (wav(silence(0)), "", "bad_audio", "file"),
        (b"\0" * 100, "?sr=many", "invalid_request", "sr"),
        (b"\0" * 100, "?ch=99", "invalid_request", "ch"),
        (b"\0" * 100, "?fmt=u7", "unsupported_format", "fmt"),
        (b"\0" * 100, "?lang=xx", "unsupported_language", "lang"),
        (b"\0" * 100, "?bogus=1", "unknown_field", "bogus"),
    ],
)
@pytest.mark.parametrize("headers", [{}, EVENTS])
def test_a_bad_request_names_what_is_wrong(live, content, query, code, param, headers) -> None:
    answer = post(live, content, query, headers=headers)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert spooled() == []


def test_what_is_too_long_is_refused(serve, engine) -> None:
    live = serve(engine, max_audio_seconds=1)

    answer = post(live, wav(tone(2)))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_long")


def test_what_is_too_large_is_refused_by_its_announced_length(serve, engine) -> None:
    live = serve(engine, max_audio_bytes=1_000)

    answer = post(live, b"\0" * 1_001)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "audio_too_large")


def test_bare_samples_are_heard_as_they_are_described(live) -> None:
    answer = post(live, tone(2).tobytes(), "?sr=8000&ch=2&fmt=s16le")

    assert answer.json()["duration_seconds"] == pytest.approx(2)


def test_words_come_when_they_are_asked_for(live) -> None:
    told = post(live, wav(tone(1)), "?words=true").json()

    assert [word["text"] for word in told["segments"][0]["words"]] == ["one", "two"]


def test_every_second_is_accounted_for(live) -> None:
    answer = post(live, wav(silence(31), tone(2), silence(40), tone(1)))

    coverage = answer.json()["coverage"]
    assert coverage == {
        "audio_seconds": 74.0,
        "transcribed_seconds": 3.0,
        "silent_seconds": 71.0,
        "failed_seconds": 0.0,
    }
    assert answer.headers["x-audio-seconds"] == "74.000"


def test_silence_gives_no_text(live) -> None:
    told = post(live, wav(silence(3))).json()

    assert (told["text"], told["segments"], told["coverage"]["silent_seconds"]) == ("", [], 3.0)


def test_a_segment_is_sent_before_the_next_window_is_recognized(serve, engine) -> None:
    live = serve(engine)
    gate = engine.hold(1)

    with httpx.stream(
        "POST", f"{live.url}/api/stt/bytes", content=wav(tone(25), silence(1), tone(25)), headers=EVENTS, timeout=30
    ) as answer:
        lines = answer.iter_lines()
        first = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
        gate.set()
        rest = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    assert (first["text"], first["final"]) == ("window 0", False)
    assert [event["type"] for event in rest] == ["progress", "segment", "progress", "done"]
    assert rest[1]["final"] is True
    assert rest[-1]["text"] == "window 0 window 1"


def test_progress_is_told_against_the_length_that_the_header_names(live) -> None:
    answer = post(live, wav(silence(40)), headers=EVENTS)

    progress = [json.loads(line[6:]) for line in answer.text.splitlines() if '"progress"' in line]
    assert [event["audio_seconds"] for event in progress] == [40, 40]
    assert 0 < progress[0]["processed_seconds"] < progress[1]["processed_seconds"] == 40


def test_progress_of_channels_is_that_of_the_one_behind(live) -> None:
    left = np.concatenate([tone(25), silence(1), tone(25)])
    right = np.concatenate([tone(15), silence(1), tone(35)])

    query = "?multichannel=true"
    answer = post(live, wav(np.stack([left, right], axis=1)), query, headers=EVENTS)

    progress = [json.loads(line[6:]) for line in answer.text.splitlines() if '"progress"' in line]
    processed = [event["processed_seconds"] for event in progress]
    assert processed == sorted(processed)
    assert processed[0] < processed[-1] == 51


def test_the_language_that_was_detected_is_kept_for_the_file(serve, engine) -> None:
    live = serve(engine)

    told = post(live, wav(tone(25), silence(1), tone(25))).json()

    assert told["language"] == "en"
    assert [task.language for task in engine.tasks] == [None, "en"]


def test_a_window_that_fails_is_told_in_the_coverage(serve, engine) -> None:
    live = serve(engine)
    engine.broken.add(0)

    told = post(live, wav(tone(25), silence(1), tone(25))).json()

    assert told["text"] == "window 1"
    assert told["coverage"]["failed_seconds"] == pytest.approx(25, abs=0.2)
    assert sum(list(told["coverage"].values())[1:]) == pytest.approx(told["coverage"]["audio_seconds"])


def test_an_engine_that_always_fails_is_an_error(serve, engine) -> None:
    live = serve(engine)
    engine.broken.add(0)

    answer = post(live, wav(tone(2)))

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")


def test_what_nobody_expected_ends_a_stream_with_an_error(serve, engine) -> None:
    prepare, broken = engine.prepare, iter([False, True])

    def prepared(samples, task, *, speech=None):
        if next(broken):
            raise RuntimeError("out of memory")
        return prepare(samples, task)

    engine.prepare = prepared

    answer = post(serve(engine), wav(tone(25), silence(1), tone(25)), headers=EVENTS)

    *_, name, content = [line for line in answer.text.splitlines() if line]
    assert (answer.status_code, name) == (200, "event: error")
    assert json.loads(content.removeprefix("data: "))["error"]["code"] == "internal_error"
    assert "memory" not in answer.text


def test_a_full_house_refuses_and_empties_again(serve, engine) -> None:
    live = serve(engine, seats=2)
    gate = engine.hold(0)
    with ThreadPoolExecutor(2) as callers:
        waiting = [callers.submit(post, live, wav(tone(1))) for _ in range(2)]
        assert engine.entered.wait(10)
        refusals = []
        while not refusals:  # the second one may still be on its way in
            answer = post(live, b"not audio")
            refusals += [answer] if answer.status_code == 503 else []
        gate.set()
        assert [future.result().status_code for future in waiting] == [200, 200]

    assert refusals[0].json()["error"]["code"] == "queue_full"
    assert int(refusals[0].headers["retry-after"]) >= 1
    assert post(live, wav(tone(1))).status_code == 200


def test_a_caller_who_leaves_stops_the_work_within_one_window(serve, engine) -> None:
    live = serve(engine, seats=1)
    gate = engine.hold(1)
    audio = wav(*([tone(25), silence(1)] * 5))
    with httpx.stream("POST", f"{live.url}/api/stt/bytes", content=audio, headers=EVENTS, timeout=30) as answer:
        next(line for line in answer.iter_lines() if line.startswith("event: segment"))

    gate.set()

    wait_until(lambda: post(live, wav(tone(1))).status_code == 200)
    assert len(engine.tasks) <= 3
    assert spooled() == []


def test_a_recognition_that_takes_too_long_is_ended(serve, engine) -> None:
    live = serve(engine, deadline_seconds=0.1, seats=2)
    gate = engine.hold(0)
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(post, live, wav(tone(0.2)))
        assert engine.entered.wait(10)
        late = post(live, wav(tone(0.2)))
        gate.set()
        first.result()

    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_without_a_seat_the_refusal_says_when_one_should_be_free(serve, engine) -> None:
    live = serve(engine, seats=1)
    gate = engine.hold(0)
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(post, live, wav(tone(20)))
        assert engine.entered.wait(10)
        refused = post(live, wav(tone(1)))
        gate.set()

        assert waiting.result().status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
    assert refused.headers["retry-after"] == "20"


@pytest.mark.parametrize(("form", "seconds"), [("mulaw", 1), ("alaw", 1), ("u8", 0.5)])
def test_telephone_samples_are_read_at_the_rate_of_a_telephone(live, form: str, seconds: float) -> None:
    told = httpx.post(f"{live.url}/api/stt/bytes?fmt={form}", content=bytes(8_000)).json()

    assert told["duration_seconds"] == seconds


def test_audio_that_would_wait_too_long_is_refused_before_its_body_is_read(serve, engine) -> None:
    live = serve(engine, queue_audio_seconds=12)
    gate = engine.hold(0)
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(post, live, wav(tone(10)))
        assert engine.entered.wait(10)
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
            client.sendall(
                b"POST /api/stt/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 80000\r\nExpect: 100-continue\r\n\r\n"
            )
            refused = b"".join(iter(lambda: client.recv(65536), b""))
        short = caller.submit(post, live, wav(tone(0.2)))
        gate.set()

        assert waiting.result().status_code == short.result().status_code == 200
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"queue_full" in refused
    assert b"retry-after: " in refused.lower()

import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .bad_requests import BAD_REQUESTS


@pytest.mark.parametrize(("body", "headers", "status", "code", "param"), BAD_REQUESTS)
def test_a_bad_request_names_what_is_wrong(live, body, headers, status, code, param) -> None:
    content = body if isinstance(body, str) else json.dumps(body)

    answer = httpx.post(f"{live.url}/api/tts", content=content, headers=headers)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize(
    ("audio_format", "content_type", "start"),
    [
        ("pcm", "audio/pcm;rate=16000;channels=1", b""),
        ("wav", "audio/wav", b"RIFF"),
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg;codecs=opus", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("aac", "audio/aac", b"\xff"),
    ],
)
def test_each_format_says_exactly_what_it_is(live, audio_format, content_type, start) -> None:
    answer = httpx.post(f"{live.url}/api/tts", json={"text": "one two three", "format": audio_format})

    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.content.startswith(start)


def test_sound_is_the_sum_of_its_pieces_to_the_sample(live) -> None:
    answer = httpx.post(f"{live.url}/api/tts", json={"text": "one two. three. four five six."})

    assert len(answer.content) == 6 * 1_600 * 2


def test_a_wav_states_its_rate_and_no_length(live) -> None:
    answer = httpx.post(f"{live.url}/api/tts", json={"text": "one", "format": "wav", "sample_rate": 8_000})

    assert struct.unpack_from("<I", answer.content, 24) == (8_000,)
    assert struct.unpack_from("<I", answer.content, 40) == (0xFFFFFFFF,)
    assert len(answer.content) == 44 + 800 * 2


def test_the_first_sentence_is_heard_before_the_second_is_made(serve, engine) -> None:
    live = serve(engine)
    gate = engine.hold("Second.")

    with httpx.stream("POST", f"{live.url}/api/tts", json={"text": "First. Second. Third."}) as answer:
        parts = answer.iter_raw()
        first = next(parts)
        heard_by_then = list(engine.asked)
        gate.set()
        rest = b"".join(parts)

    assert "Third." not in heard_by_then
    assert len(first) > 0
    assert len(first) + len(rest) == 3 * 16_000


def test_a_line_is_spoken_while_the_next_is_being_written(serve, engine) -> None:
    live = serve(engine)
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        head = b"POST /api/tts HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + b"7\r\nFirst.\n\r\n")
        heard = client.recv(65536)
        while b"\1\0" not in heard:
            heard += client.recv(65536)
        asked_by_then = list(engine.asked)
        client.sendall(b"1\r\n\n\r\n8\r\nSecond.\n\r\n0\r\n\r\n")
        while not heard.endswith(b"0\r\n\r\n"):
            heard += client.recv(65536)

    assert heard.startswith(b"HTTP/1.1 200 OK")
    assert asked_by_then == ["First."]
    assert heard.count(b"\1\0") >= 2 * 8_000 - 64


def test_a_failure_before_the_first_sound_is_an_ordinary_error(serve, engine) -> None:
    live = serve(engine)
    engine.broken.add("First.")

    answer = httpx.post(f"{live.url}/api/tts", json={"text": "First. Second."})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")
    assert httpx.post(f"{live.url}/api/tts", json={"text": "Second."}).status_code == 200


def test_a_failure_in_the_middle_cuts_the_answer(serve, engine) -> None:
    live = serve(engine)
    engine.broken.add("Second.")

    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{live.url}/api/tts", json={"text": "First. Second."}) as answer,
    ):
        list(answer.iter_raw())

    assert answer.status_code == 200


def test_a_listener_who_leaves_stops_the_engine_within_one_piece(serve, engine) -> None:
    live = serve(engine)
    gate = engine.hold("Second.")
    with httpx.stream("POST", f"{live.url}/api/tts", json={"text": "First. Second. Third. Fourth."}) as answer:
        next(answer.iter_raw())

    engine.closed.clear()
    gate.set()

    assert httpx.post(f"{live.url}/api/tts", json={"text": "After."}).status_code == 200
    assert "Fourth." not in engine.asked


def test_a_full_house_refuses_and_empties_again(serve, engine) -> None:
    live = serve(engine, seats=2)
    gate = engine.hold("Wait.")
    with ThreadPoolExecutor(2) as callers:
        waiting = []
        for _ in range(2):
            engine.entered.clear()
            waiting.append(callers.submit(httpx.post, f"{live.url}/api/tts", json={"text": "Wait."}, timeout=20))
            assert engine.entered.wait(10)
        refused = httpx.post(f"{live.url}/api/tts", json={"text": "Me too."})
        gate.set()
        assert [future.result().status_code for future in waiting] == [200, 200]

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1
    assert httpx.post(f"{live.url}/api/tts", json={"text": "Now."}).status_code == 200

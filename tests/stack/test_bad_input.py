"""Bad input, one row each, through the gateway: the right status, the envelope, and the service lives on."""

import io
import json
import socket
import struct
import wave
import zipfile
from collections.abc import Callable

import av
import httpx
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(120)

JSON = {"content-type": "application/json"}


def wav(samples: np.ndarray, *, rate_hz: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1] if samples.ndim > 1 else 1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def noise(seconds: float, *, rate_hz: int = 16_000, channels: int = 1) -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, 2000, (int(seconds * rate_hz), channels))
    return samples if channels > 1 else samples[:, 0]


def encoded(container: str, codec: str, samples: np.ndarray, *, rate_hz: int = 16_000) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype("<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def truncated_mp3() -> bytes:
    """The first hundred bytes: not one frame is whole."""
    return encoded("mp3", "mp3", noise(3))[:100]


def lying_wav() -> bytes:
    """Ten times the data that is there."""
    audio = bytearray(wav(noise(1)))
    struct.pack_into("<I", audio, 40, 320_000)
    return bytes(audio)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("speech.wav", wav(noise(1)))
    return out.getvalue()


def bomb() -> bytes:
    """Five hours of silence in a few hundred kilobytes."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=8_000, layout="mono")
        minute = np.zeros((1, 8_000 * 60), dtype="<i2")
        for _ in range(5 * 60):
            frame = av.AudioFrame.from_ndarray(minute, format="s16", layout="mono")
            frame.sample_rate = 8_000
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (json.dumps({"text": "   "}), 400, "empty_text", "text"),
        (json.dumps({"text": "... - ..."}), 400, "empty_text", "text"),
        (json.dumps({"text": "\u200b", "format": "wav"}), 400, "empty_text", "text"),
        (json.dumps({"text": "\0"}), 400, "empty_text", "text"),
        (json.dumps({"text": "a" * 4097}), 413, "text_too_long", "text"),
        (json.dumps({"text": "a", "voice": "nobody"}), 400, "unknown_voice", "voice"),
        (json.dumps({"text": "a", "language": "xx"}), 400, "unsupported_language", "language"),
        (json.dumps({"text": "a", "format": "ra"}), 400, "invalid_request", "format"),
        (json.dumps({"text": "a", "bogus": 1}), 400, "unknown_field", "bogus"),
        ("{not json", 400, "invalid_json", None),
        ("", 400, "missing_field", None),
    ],
    ids=[
        "spaces",
        "dots",
        "nothing visible",
        "nul",
        "too long",
        "unknown voice",
        "language",
        "format",
        "unknown field",
        "wrong json",
        "empty body",
    ],
)
def test_bad_text(stack, body, status, code, param) -> None:
    answer = httpx.post(f"{stack.url}/api/tts", content=body, headers=JSON, timeout=30)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert (error["type"], bool(error["message"])) == ("invalid_request_error", True)
    assert answer.headers["x-request-id"]
    assert httpx.get(f"{stack.url}/health").status_code == 200


@pytest.mark.parametrize("path", ["/api/stt/bytes", "/api/echo-bytes"])
@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda: b"", 400, "bad_audio"),
        (truncated_mp3, 400, "bad_audio"),
        (lambda: np.random.default_rng(1).bytes(100_000), 400, "bad_audio"),
        (zipped, 400, "bad_audio"),
        (lambda: wav(noise(0)), 400, "bad_audio"),
        (bomb, 413, "audio_too_long"),
    ],
    ids=["empty body", "truncated mp3", "random bytes", "zip", "0 seconds", "decode bomb"],
)
def test_bad_audio(stack, path: str, make: Callable[[], bytes], status, code) -> None:
    answer = httpx.post(f"{stack.url}{path}", content=make(), timeout=100)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, "file")
    assert httpx.get(f"{stack.url}/health").status_code == 200


def test_a_wav_whose_header_lies_is_answered_by_what_is_there(stack) -> None:
    answer = httpx.post(f"{stack.url}/api/stt/bytes", content=lying_wav(), timeout=60)

    assert answer.status_code == 200
    assert answer.json()["coverage"]["audio_seconds"] == pytest.approx(1, abs=0.05)
    assert httpx.get(f"{stack.url}/health").status_code == 200


def test_5_1_channels_at_96_khz_work(stack) -> None:
    audio = wav(noise(1, rate_hz=96_000, channels=6), rate_hz=96_000)

    answer = httpx.post(f"{stack.url}/api/stt/bytes", content=audio, timeout=60)

    assert answer.status_code == 200
    assert answer.json()["duration_seconds"] == pytest.approx(1, abs=0.01)
    assert httpx.get(f"{stack.url}/health").status_code == 200


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("sr=many", "invalid_request", "sr"),
        ("sr=16000&fmt=u7", "unsupported_format", "fmt"),
        ("lang=zz", "unsupported_language", "lang"),
    ],
)
def test_a_bad_query_names_its_parameter(stack, query, code, param) -> None:
    answer = httpx.post(f"{stack.url}/api/stt/bytes?{query}", content=b"\0" * 32_000, timeout=30)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


def test_a_body_that_stops_coming_times_out(start_fakes) -> None:
    stack = start_fakes(GATEWAY_BODY_TIMEOUT_SECONDS="0.3", ASR_BODY_TIMEOUT_SECONDS="20")

    with socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=30) as client:
        client.sendall(b"POST /api/stt/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_timeout" in answer
    assert httpx.get(f"{stack.url}/health").status_code == 200


def test_a_flood_of_headers_gets_a_bare_answer(stack) -> None:
    answer = httpx.get(f"{stack.url}/health", headers={"a": "x" * 70_000})

    assert answer.status_code == 431
    assert httpx.get(f"{stack.url}/health").status_code == 200

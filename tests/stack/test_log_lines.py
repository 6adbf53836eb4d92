"""Each request is one line of the gateway's log, which says how it ended, how long it took and how long it sounded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

from .counted import RATE_HZ, tone

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "gateway"


@pytest.fixture(scope="module")
def stack(start_module_fakes: Callable[..., Any], log: Path) -> Any:
    return start_module_fakes(log=log, LOG_LEVEL="info")


@pytest.fixture
def line(log: Path) -> Callable[[str], dict[str, Any]]:
    """The line of the request with that id, once it is there."""

    def find(request_id: str) -> dict[str, Any]:
        def lines() -> list[dict[str, Any]]:
            told = (json.loads(one) for one in log.read_text(encoding="utf-8").splitlines() if one.endswith("}"))
            return [one for one in told if one.get("request_id") == request_id and one.get("outcome")]

        wait_until(lambda: any("operation" in one for one in lines()))
        (found,) = [one for one in lines() if "operation" in one]
        return found

    return find


@pytest.mark.parametrize("audio_format", ["pcm", "wav"])
def test_speech_says_how_long_it_sounded(stack: Any, line: Callable[..., Any], audio_format: str) -> None:
    asked = {"text": "One two three.", "format": audio_format}

    answer = httpx.post(f"{stack.url}/api/tts", json=asked, headers={"x-request-id": audio_format}, timeout=20)

    told = line(audio_format)
    sound_bytes = len(answer.content) - (44 if audio_format == "wav" else 0)
    assert (told["outcome"], told["operation"]) == ("ok", "tts")
    assert told["audio_seconds"] == pytest.approx(sound_bytes / 2 / RATE_HZ, abs=0.001)
    assert told["seconds"] >= 0


def test_packed_sound_is_not_guessed(stack: Any, line: Callable[..., Any]) -> None:
    asked = {"text": "One two three.", "format": "mp3"}

    httpx.post(f"{stack.url}/api/tts", json=asked, headers={"x-request-id": "mp3"}, timeout=20)

    told = line("mp3")
    assert told["outcome"] == "ok"
    assert "audio_seconds" not in told


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [("/api/tts", b'{"text": " "}', "empty_text"), ("/api/stt/bytes", b"no audio", "bad_audio")],
)
def test_an_error_that_is_passed_on_says_its_code(
    stack: Any, line: Callable[..., Any], path: str, content: bytes, code: str
) -> None:
    headers = {"x-request-id": code, "content-type": "application/json"}

    answer = httpx.post(f"{stack.url}{path}", content=content, headers=headers, timeout=20)

    told = line(code)
    assert answer.json()["error"]["code"] == told["code"] == code
    assert (told["outcome"], told["status"]) == ("client_error", 400)


def test_an_echo_says_what_was_heard_what_was_spoken_and_when_it_began(stack: Any, line: Callable[..., Any]) -> None:
    answer = httpx.post(f"{stack.url}/api/echo-bytes", content=tone(2), headers={"x-request-id": "echo"}, timeout=20)

    told = line("echo")
    assert (told["outcome"], told["operation"], told["audio_seconds"]) == ("ok", "echo", 2)
    assert told["spoken_seconds"] == pytest.approx((len(answer.content) - 44) / 2 / RATE_HZ, abs=0.001)
    assert 0 <= told["first_audio_ms"] <= 1000 * told["seconds"]
    assert stack.gateway.counted("speech_first_audio_seconds_count", operation="echo") == 1


def test_an_utterance_says_how_long_it_sounded(stack: Any, line: Callable[..., Any]) -> None:
    with connect(f"{stack.ws_url}/ws/tts", additional_headers={"x-request-id": "spoken"}) as socket:
        socket.send(json.dumps({"text": "One two three."}))
        while isinstance(message := socket.recv(timeout=20), bytes) or json.loads(message)["type"] != "end":
            pass

    told = line("spoken")
    assert (told["event"], told["outcome"]) == ("utterance", "ok")
    assert told["audio_seconds"] == json.loads(message)["audio_seconds"]

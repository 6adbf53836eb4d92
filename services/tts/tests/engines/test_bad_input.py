"""Every engine, as it is: what it may not take is refused in the same words, and what comes after is spoken."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from speech_core.models.store import Store
from speech_core.testing.live import LiveServer
from speech_core.testing.tts_socket import opened, send, until
from speech_tts.engines.espeak import EspeakEngine
from speech_tts.engines.gtts import GttsEngine
from speech_tts.engines.piper import PiperEngine
from speech_tts.settings import TtsSettings

from .conftest import Google

pytestmark = pytest.mark.timeout(180)

PIPER_VOICE = "en_US-joe-medium"


def piper(_: Google) -> PiperEngine:
    models = Path("~/.cache/kubespeech/models").expanduser()
    return PiperEngine(TtsSettings(models_dir=Store(models).fetch(PIPER_VOICE).parent))


def espeak(_: Google) -> EspeakEngine:
    return EspeakEngine(TtsSettings())


def gtts(_: Google) -> GttsEngine:
    return GttsEngine(TtsSettings(gtts_timeout_seconds=5))


@pytest.fixture(params=[piper, espeak, gtts], ids=lambda make: make.__name__)
def live(request, google: Google, serve: Callable[..., LiveServer]) -> LiveServer:
    return serve(request.param(google))


def is_spoken(live: LiveServer) -> bool:
    answer = httpx.post(f"{live.url}/api/tts", json={"text": "One two three."}, timeout=30)
    return answer.status_code == 200 and any(answer.content)


def test_a_bad_request_names_what_is_wrong_and_the_next_is_spoken(live, bad_requests) -> None:
    def answered(body: object, headers: dict[str, str]) -> tuple[int, str, str | None]:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = httpx.post(f"{live.url}/api/tts", content=content, headers=headers, timeout=30)
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["param"]

    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda bad: answered(bad[0], bad[1]), bad_requests))

    assert answers == [(status, code, param) for *_, status, code, param in bad_requests]
    assert is_spoken(live)


def test_bad_messages_on_a_socket_are_events_and_the_next_utterance_is_spoken(live) -> None:
    asked = [
        ({"text": ""}, "empty_text"),
        ({"text": "..."}, "empty_text"),
        ({"text": "a", "voice": "x"}, "unknown_voice"),
        ({"text": "a", "language": "xx"}, "unsupported_language"),
        ({"text": "a" * 4097}, "text_too_long"),
        ({"text": "a", "format": "opus", "sample_rate": 22_050}, "unsupported_format"),
        ({"text": "a", "bogus": 1}, "unknown_field"),
        ({"type": "flush"}, "nothing_to_flush"),
    ]
    codes = []
    with opened(live) as socket:
        for message, _ in asked:
            send(socket, **message)
            _, event = until(socket, "error")
            codes.append(event["error"]["code"])
        send(socket, text="One two three.")
        sound, end = until(socket, "end")

    assert codes == [code for _, code in asked]
    assert any(sound)
    assert end["audio_seconds"] > 0.2

"""The real engine on human speech."""

import json

import httpx
import numpy as np
import pytest

from speech_asr.app import create_app
from speech_asr.engines import Task
from speech_asr.engines.attempt import Answer
from speech_asr.engines.faster_whisper import FasterWhisperEngine
from speech_asr.segments import Recognized
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples
from speech_core.testing.live import live_server

pytestmark = pytest.mark.timeout(240)

TEXT = "produced the block books, which were the immediate predecessors of the true printed book,"


def words(text: str) -> list[str]:
    return "".join(letter.lower() if letter.isalnum() else " " for letter in text).split()


def between_pauses(samples: Samples, lead_seconds: int, tail_seconds: int) -> bytes:
    """Samples of 16 bits with silence around them."""
    padded = np.pad(samples, (SAMPLE_RATE_HZ * lead_seconds, SAMPLE_RATE_HZ * tail_seconds))
    return (padded * 32_767).astype("<i2").tobytes()


def test_speech_is_understood(whisper, clip) -> None:
    told = httpx.post(f"{whisper.url}/api/stt/bytes", content=clip, timeout=120).json()

    assert words(told["text"]) == words(TEXT)
    assert told["language"] == "en"
    assert told["coverage"]["transcribed_seconds"] > 4


@pytest.mark.parametrize(("lead_seconds", "tail_seconds"), [(2, 1), (3, 1), (3, 2)])
def test_a_sentence_between_pauses_is_said_once(whisper, clip_samples, lead_seconds: int, tail_seconds: int) -> None:
    body = between_pauses(clip_samples, lead_seconds, tail_seconds)
    told = httpx.post(f"{whisper.url}/api/stt/bytes?sr=16000", content=body, timeout=120).json()

    assert words(told["text"]) == words(TEXT)
    assert told["segments"][0]["start_ms"] >= 1000 * (lead_seconds - 1)


def test_what_the_decoder_says_twice_is_asked_for_again(whisper, clip_samples, monkeypatch) -> None:
    from speech_asr.engines import faster_whisper

    monkeypatch.setattr(faster_whisper, "next_frame", lambda seek, *_, **__: seek)
    body = between_pauses(clip_samples, 2, 1)
    told = httpx.post(f"{whisper.url}/api/stt/bytes?sr=16000", content=body, timeout=120).json()

    assert words(told["text"]) == words(TEXT)


def test_words_lie_within_their_segment_and_in_order(whisper, clip) -> None:
    told = httpx.post(f"{whisper.url}/api/stt/bytes?words=true", content=clip, timeout=120).json()

    found = [word for segment in told["segments"] for word in segment["words"]]
    starts = [word["start_ms"] for word in found]
    assert words(" ".join(word["text"] for word in found)) == words(TEXT)
    assert starts == sorted(starts)
    assert all(word["start_ms"] <= word["end_ms"] <= told["duration_seconds"] * 1000 for word in found)


def test_the_only_segment_of_a_clip_is_known_to_be_the_last(whisper, clip) -> None:
    answer = httpx.post(
        f"{whisper.url}/api/stt/bytes", content=clip, timeout=120, headers={"accept": "text/event-stream"}
    )

    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    segments = [event for event in events if event["type"] == "segment"]
    assert [segment["final"] for segment in segments] == [False] * (len(segments) - 1) + [True]


def test_silence_is_no_speech(whisper) -> None:
    told = httpx.post(f"{whisper.url}/api/stt/bytes?sr=16000", content=bytes(160_000), timeout=120).json()

    assert (told["text"], told["coverage"]["silent_seconds"]) == ("", 5.0)


def test_an_answer_that_runs_into_the_decoders_bound_counts_as_failed(weights, clip, monkeypatch) -> None:
    from speech_asr.engines import attempt

    monkeypatch.setattr(attempt, "_ANSWER_TOKENS", 8)
    with live_server(create_app(AsrSettings())) as live:
        told = httpx.post(f"{live.url}/api/stt/bytes", content=clip, timeout=120).json()

    assert told["coverage"]["failed_seconds"] > 4
    assert told["coverage"]["transcribed_seconds"] == 0
    assert 0 < len(words(told["text"])) < len(words(TEXT))


def test_what_the_bound_took_from_an_answer_is_asked_for_again(weights, clip_samples, monkeypatch) -> None:
    from speech_asr.engines import attempt

    # A sentence of 23 tokens fits, and a part of the next one.
    monkeypatch.setattr(attempt, "_ANSWER_TOKENS", 32)
    body = 2 * between_pauses(clip_samples, 0, 1)
    with live_server(create_app(AsrSettings())) as live:
        told = httpx.post(f"{live.url}/api/stt/bytes?sr=16000", content=body, timeout=120).json()

    assert words(told["text"]) == 2 * words(TEXT)
    assert told["coverage"]["failed_seconds"] == 0


def test_in_a_full_window_the_language_is_looked_for_again(weights, clip_samples, monkeypatch) -> None:
    from speech_asr.engines import attempt

    monkeypatch.setattr(attempt, "_SURE_LOGPROB", 0.0)
    engine = FasterWhisperEngine(AsrSettings())
    short = engine.prepare(clip_samples, Task())

    (full,) = engine.decode([short])
    (outcome,) = engine.decode([full])
    engine.close()

    assert (full.is_short, full.task.language, outcome.language) == (False, None, "en")


def test_a_window_of_which_the_bound_took_all_is_cut(weights, clip_samples, monkeypatch) -> None:
    nothing = Answer((50_364, 50_364), -0.1, 1.0, 0.0, 0.0, cut=True)  # from 0.00 to 0.00 s
    monkeypatch.setattr(FasterWhisperEngine, "_answers", lambda *_: [nothing])
    engine = FasterWhisperEngine(AsrSettings(shortest_window_seconds=30))

    (outcome,) = engine.decode([engine.prepare(clip_samples, Task("en"))])
    engine.close()

    assert outcome == Recognized("en", (), cut=True)

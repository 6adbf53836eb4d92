"""The main job with the real engines: it speaks, it listens, it echoes."""

import io
import json
import subprocess
import sys
import wave
from pathlib import Path

import httpx
import jiwer
import pytest
from websockets.sync.client import connect

pytestmark = pytest.mark.timeout(180)

CLIENT = Path(__file__).parents[2] / "client"
TEXT = "The first sentence is short. The second one takes a little longer to say. The third one ends it."


def words(text: str) -> list[str]:
    return "".join(letter.lower() if letter.isalnum() else " " for letter in text).split()


def word_error_rate(said: str, heard: str) -> float:
    """Piper draws each voicing at random, so no single word is certain to be heard right."""
    return jiwer.wer(" ".join(words(said)), " ".join(words(heard)))


def transcribe(stack, audio: bytes) -> dict:
    answer = httpx.post(f"{stack.url}/api/stt/bytes", content=audio, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_health_names_what_is_loaded(stack) -> None:
    answers = {process.name: httpx.get(f"{process.url}/health") for process in (stack.gateway, stack.asr, stack.tts)}

    assert {name: answer.status_code for name, answer in answers.items()} == {"gateway": 200, "asr": 200, "tts": 200}
    assert (answers["asr"].json()["engines"], answers["asr"].json()["models"]) == (["faster-whisper"], ["whisper-base"])
    assert answers["tts"].json()["engines"] == ["piper", "espeak"]
    assert set(answers["gateway"].json()["upstreams"]) == {"asr", "tts"}


def test_what_is_said_is_what_is_heard(stack) -> None:
    spoken = httpx.post(f"{stack.url}/api/tts", json={"text": TEXT, "format": "wav"}, timeout=120)

    heard = transcribe(stack, spoken.content)

    assert spoken.headers["content-type"] == "audio/wav"
    assert word_error_rate(TEXT, heard["text"]) <= 0.2
    coverage = heard["coverage"]
    parts = coverage["transcribed_seconds"] + coverage["silent_seconds"] + coverage["failed_seconds"]
    assert parts == pytest.approx(coverage["audio_seconds"], abs=1e-3)


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "opus", "flac", "aac"])
def test_every_format_is_understood_again(stack, audio_format) -> None:
    spoken = httpx.post(f"{stack.url}/api/tts", json={"text": TEXT, "format": audio_format}, timeout=120)

    assert word_error_rate(TEXT, transcribe(stack, spoken.content)["text"]) <= 0.2


def test_a_simple_client_gets_exactly_the_pcm_that_was_announced(stack) -> None:
    with connect(f"{stack.ws_url}/ws/tts") as socket:
        socket.send(json.dumps({"text": TEXT}))
        audio, start = b"", {}
        while True:
            message = socket.recv(timeout=60)
            if isinstance(message, bytes):
                audio += message
                continue
            event = json.loads(message)
            start = event if event["type"] == "start" else start
            if event["type"] == "end":
                break

    assert (start["sample_rate"], start["channels"], start["format"]) == (22_050, 1, "pcm_s16le")
    assert len(audio) % 2 == 0
    assert event["audio_seconds"] == pytest.approx(len(audio) / 2 / 22_050, abs=1e-3)


def test_an_echo_says_the_words_of_the_clip(stack, clip) -> None:
    echo = httpx.post(f"{stack.url}/api/echo-bytes", content=clip, timeout=120)

    assert echo.headers["content-type"] == "audio/wav"
    assert echo.content.count(b"RIFF") == 1
    # One clip of 14 words; bench/echo_words.py holds the rate over many.
    assert word_error_rate(transcribe(stack, clip)["text"], transcribe(stack, echo.content)["text"]) <= 0.5


def test_segments_come_as_events_and_then_the_whole(stack, clip) -> None:
    with httpx.stream(
        "POST", f"{stack.url}/api/stt/bytes", content=clip, headers={"accept": "text/event-stream"}, timeout=120
    ) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith(("event:", "data:"))]

    events = [line.partition(":")[2].strip() for line in lines[::2]]
    done = json.loads(lines[-1].partition(":")[2])
    assert events[-1] == "done"
    assert set(events[:-1]) == {"segment", "progress"}
    assert words(done["text"]) == words(transcribe(stack, clip)["text"])


@pytest.mark.parametrize(
    ("script", "option", "path"),
    [("stream_tts.py", "ws", "/ws/tts"), ("echo_bytes.py", "http", "/api/echo-bytes")],
)
def test_the_scripts_work_without_an_argument(stack, tmp_path, script, option, path) -> None:
    out = tmp_path / "out.wav"
    url = (stack.ws_url if option == "ws" else stack.url) + path

    ran = subprocess.run(
        [sys.executable, str(CLIENT / script), "--url", url, "--out", str(out)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "first audio" in ran.stdout
    assert out.stat().st_size > 44


def test_the_first_audio_of_a_long_echo_is_sent_before_the_last_segment_is_recognized(stack, prose) -> None:
    long = httpx.post(f"{stack.url}/api/tts", json={"text": prose[:1_200], "format": "wav"}, timeout=170).content
    with wave.open(
        io.BytesIO(httpx.post(f"{stack.url}/api/tts", json={"text": "Hi.", "format": "wav"}, timeout=60).content)
    ) as short:
        assert short.getframerate() == 22_050

    with httpx.stream(
        "POST", f"{stack.url}/api/echo-bytes", content=long, headers={"accept": "text/event-stream"}, timeout=170
    ) as answer:
        events = [line.partition(":")[2].strip() for line in answer.iter_lines() if line.startswith("event:")]

    assert (len(long) - 44) / 2 / 22_050 > 60
    last_transcript = len(events) - 1 - events[::-1].index("transcript")
    assert events.index("audio") < last_transcript

"""Each format of `/api/tts`, read by ffprobe: what it says it is, and how long it is."""

import json
import subprocess

import httpx
import pytest

from speech_core.testing.needed import program

pytestmark = pytest.mark.timeout(120)

WORDS = 100
SECONDS = WORDS * 0.1


def probed(sound: bytes) -> dict:
    """What ffprobe finds in *sound*."""
    command = [program("ffprobe"), "-v", "error", "-of", "json", "-show_streams", "-i", "pipe:0"]
    ran = subprocess.run(command, input=sound, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    (stream,) = json.loads(ran.stdout)["streams"]
    return stream


def decoded_seconds(sound: bytes, rate_hz: int) -> float:
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", str(rate_hz), "pipe:1"]
    ran = subprocess.run(command, input=sound, capture_output=True, check=True, timeout=60)
    assert ran.stderr == b""
    return len(ran.stdout) / 2 / rate_hz


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "tolerance_seconds"),
    [
        ("wav", "pcm_s16le", 16_000, 0),
        ("flac", "flac", 16_000, 0),
        ("opus", "opus", 48_000, 0),
        ("mp3", "mp3", 44_100, 0.07),
        ("aac", "aac", 44_100, 0.07),
    ],
)
def test_a_file_is_what_it_says_and_as_long_as_what_was_spoken(
    start_fakes, name, codec, rate_hz, tolerance_seconds
) -> None:
    stack = start_fakes(TTS_OTHER_ENGINES="[]", TTS_SENTENCE_PAUSE_SECONDS="0")
    text = "word " * WORDS

    sound = httpx.post(f"{stack.url}/api/tts", json={"text": text, "format": name}, timeout=30).content

    stream = probed(sound)
    assert (stream["codec_name"], int(stream["sample_rate"]), stream["channels"]) == (codec, rate_hz, 1)
    assert decoded_seconds(sound, rate_hz) == pytest.approx(SECONDS, abs=tolerance_seconds or 1e-6)


@pytest.mark.parametrize("name", ["wav", "flac", "opus", "mp3", "aac"])
def test_every_beginning_can_be_played(start_fakes, name) -> None:
    stack = start_fakes(TTS_OTHER_ENGINES="[]")
    sound = httpx.post(f"{stack.url}/api/tts", json={"text": "word " * WORDS, "format": name}, timeout=30).content

    heard = []
    for part in (0.25, 0.5, 0.75):
        command = ["ffmpeg", "-v", "fatal", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "16000", "pipe:1"]
        ran = subprocess.run(
            command, input=sound[: int(part * len(sound))], capture_output=True, check=False, timeout=60
        )
        heard.append(len(ran.stdout) / 2 / 16_000)

    # A decoder of flac looks a second ahead.
    assert heard == [pytest.approx(part * SECONDS, abs=1.5) for part in (0.25, 0.5, 0.75)]

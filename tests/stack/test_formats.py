"""Each format of `/api/tts`, read by ffprobe: what it says it is, and how long it is."""

import json
import subprocess
from dataclasses import dataclass

import httpx
import pytest

from speech_core.testing.needed import program

pytestmark = pytest.mark.timeout(120)

WORDS = 100
SECONDS = WORDS * 0.1


@pytest.fixture(scope="module")
def url(start_module_fakes) -> str:
    """Where a word is a tenth of a second, and nothing is between them."""
    return start_module_fakes(TTS_OTHER_ENGINES="[]", TTS_SENTENCE_PAUSE_SECONDS="0").url


def probed(sound: bytes) -> dict:
    """What ffprobe finds in *sound*."""
    command = [program("ffprobe"), "-v", "error", "-of", "json", "-show_streams", "-i", "pipe:0"]
    ran = subprocess.run(command, input=sound, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    (stream,) = json.loads(ran.stdout)["streams"]
    return stream


def decoded_seconds(sound: bytes, rate_hz: int, *, is_whole: bool = True) -> float:
    """How long it is when ffmpeg plays it, which finds nothing wrong with a whole file."""
    command = [program("ffmpeg"), "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", f"{rate_hz}", "-"]
    ran = subprocess.run(command, input=sound, capture_output=True, check=is_whole, timeout=60)
    assert ran.stderr == b"" or not is_whole
    return len(ran.stdout) / 2 / rate_hz


@dataclass(frozen=True, slots=True)
class Kind:
    """What is promised about a format: what can be asked, what its files have, and how exact their length is."""

    name: str
    codec: str
    rates_hz: tuple[int, ...]
    least_hz: int
    tolerance_seconds: float


STANDARD_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
KINDS = [
    Kind("wav", "pcm_s16le", STANDARD_HZ, 0, 1e-6),
    Kind("flac", "flac", STANDARD_HZ, 0, 1e-6),
    Kind("opus", "opus", (48_000,), 0, 1e-6),
    Kind("mp3", "mp3", STANDARD_HZ, 44_100, 0.07),
    Kind("aac", "aac", STANDARD_HZ, 44_100, 0.07),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_file_is_what_it_says_and_as_long_as_what_was_spoken_at_every_rate(url, kind) -> None:
    own_hz = {"opus": 48_000}.get(kind.name, 16_000)

    for asked_hz in (None, *kind.rates_hz):
        asked = {"text": "word " * WORDS, "format": kind.name} | ({"sample_rate": asked_hz} if asked_hz else {})
        sound = httpx.post(f"{url}/api/tts", json=asked, timeout=30).content

        stream, rate_hz = probed(sound), max(asked_hz or own_hz, kind.least_hz)
        assert (stream["codec_name"], int(stream["sample_rate"]), stream["channels"]) == (kind.codec, rate_hz, 1)
        assert decoded_seconds(sound, rate_hz) == pytest.approx(SECONDS, abs=kind.tolerance_seconds)


def test_bare_samples_say_their_rate_and_are_as_long_as_what_was_spoken(url) -> None:
    for asked_hz in (*STANDARD_HZ, 47_999):
        answer = httpx.post(f"{url}/api/tts", json={"text": "word " * WORDS, "sample_rate": asked_hz}, timeout=30)

        assert answer.headers["content-type"] == f"audio/pcm;rate={asked_hz};channels=1"
        assert len(answer.content) == 2 * SECONDS * asked_hz


@pytest.mark.parametrize("name", ["wav", "flac", "opus", "mp3", "aac"])
def test_every_beginning_can_be_played(url, name) -> None:
    sound = httpx.post(f"{url}/api/tts", json={"text": "word " * WORDS, "format": name}, timeout=30).content

    heard = [decoded_seconds(sound[: int(part * len(sound))], 16_000, is_whole=False) for part in (0.25, 0.5, 0.75)]

    # A decoder of flac looks a second ahead.
    assert heard == [pytest.approx(part * SECONDS, abs=1.5) for part in (0.25, 0.5, 0.75)]

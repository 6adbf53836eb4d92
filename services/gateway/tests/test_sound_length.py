"""How long sound is, by its bytes alone."""

import io
import wave

import pytest

from speech_gateway.routes.error_watch import EnvelopeWatch
from speech_gateway.sound_length import SoundLength


def wav(seconds: float, rate_hz: int, channels: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(bytes(int(seconds * rate_hz) * channels * 2))
    return file.getvalue()


def length(content_type: str, sound: bytes, size: int) -> float | None:
    counted = SoundLength(content_type)
    for at in range(0, len(sound), size):
        counted.feed(sound[at : at + size])
    return counted.seconds


@pytest.mark.parametrize("size", [1, 43, 44, 45, 4000, 1 << 20])
@pytest.mark.parametrize(("rate_hz", "channels"), [(22_050, 1), (48_000, 2)])
def test_the_head_of_a_file_says_how_long_its_bytes_sound(size, rate_hz, channels) -> None:
    assert length("audio/wav", wav(0.25, rate_hz, channels), size) == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("size", [1, 1000])
def test_bare_samples_are_counted_by_their_type(size) -> None:
    assert length("audio/pcm;rate=24000;channels=1", bytes(24_000), size) == 0.5


@pytest.mark.parametrize("content_type", ["audio/mpeg", "audio/ogg;codecs=opus", "application/json", ""])
def test_of_anything_else_nothing_is_known(content_type) -> None:
    assert length(content_type, bytes(1000), 100) is None


def test_a_file_without_a_whole_head_has_no_length() -> None:
    assert length("audio/wav", b"RIFF", 4) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"message": "no", "code": "bad_audio"}}', "bad_audio"),
        (b"<html>", "502"),
        (b'{"error": "no"}', "502"),
        (b'{"error": {"message": "no"}}', "502"),
        (b'{"error": {"message": "no", "code": null}}', "502"),
        (b"", "502"),
    ],
)
def test_an_error_has_its_code_or_its_status(body, code) -> None:
    watch = EnvelopeWatch(502)

    for at in range(0, len(body), 7):
        watch.feed(body[at : at + 7])

    assert watch.code == code

import numpy as np
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_tts.tempo import Tempo

FORMAT = AudioFormat(24_000)


def tone(seconds: float) -> Pcm:
    return Pcm(
        (8_000 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * 24_000)) / 24_000)).astype("<i2").tobytes(), FORMAT
    )


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.5, 4.0])
def test_the_sound_is_as_much_shorter_at_the_same_pitch(speed) -> None:
    changed = Tempo(FORMAT, speed).whole(tone(2))

    samples = np.frombuffer(changed.data, "<i2").astype(float)
    loudest_hz = np.argmax(np.abs(np.fft.rfft(samples))) * 24_000 / len(samples)
    assert changed.seconds == pytest.approx(2 / speed, rel=0.05)
    assert loudest_hz == pytest.approx(300, abs=10)


def test_at_its_own_pace_nothing_is_touched() -> None:
    sound = tone(0.1)

    assert Tempo(FORMAT, 1.0).whole(sound) is sound


def test_no_sound_stays_no_sound() -> None:
    assert Tempo(FORMAT, 2.0).whole(Pcm(b"", FORMAT)).frames == 0

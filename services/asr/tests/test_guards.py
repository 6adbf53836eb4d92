"""What is no speech gives no text: the real engine and the real voice detector."""

import httpx
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(240)

RATE_HZ = 16_000
MINUTES = 10
_RANDOM = np.random.default_rng(7)


def silence() -> np.ndarray:
    return np.zeros(MINUTES * 60 * RATE_HZ)


def white_noise() -> np.ndarray:
    return _RANDOM.normal(0, 0.1, MINUTES * 60 * RATE_HZ)


def music() -> np.ndarray:
    """Chords of a few harmonics, struck twice a second, over a bass."""
    seconds = np.arange(RATE_HZ // 2) / RATE_HZ
    decay = np.exp(-4 * seconds)
    chords = [
        sum(
            np.sin(2 * np.pi * root * 2 ** (step / 12) * harmonic * seconds) / harmonic**2
            for step in (0, 4, 7)
            for harmonic in range(1, 6)
        )
        * decay
        + 0.5 * np.sin(np.pi * root / 2 * seconds)
        for root in (220.0, 174.6, 261.6, 196.0)
    ]
    bar = np.concatenate([chord for chord in chords for _ in range(4)])
    whole = np.tile(bar, MINUTES * 60 * RATE_HZ // len(bar) + 1)[: MINUTES * 60 * RATE_HZ]
    return 0.4 * whole / np.abs(whole).max()


@pytest.mark.parametrize("sound", [silence, white_noise, music])
def test_ten_minutes_without_speech_give_no_text(whisper, sound) -> None:
    samples = (np.clip(sound(), -1, 1) * 32_767).astype("<i2").tobytes()

    told = httpx.post(f"{whisper.url}/api/stt/bytes?sr={RATE_HZ}", content=samples, timeout=200).json()

    assert told["text"] == ""
    assert told["coverage"] == {
        "audio_seconds": MINUTES * 60,
        "transcribed_seconds": 0,
        "silent_seconds": MINUTES * 60,
        "failed_seconds": 0,
    }

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


def bowed(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A line of random notes with vibrato and many harmonics: here and there, it is like a voice."""
    pitch_hz = notes(seconds, random) * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    return sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 16))


def vowels(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same through the formants of a vowel, struck twice a second."""
    frequencies_hz = np.fft.rfftfreq(len(seconds), 1 / RATE_HZ)
    formants = sum(
        np.exp(-(((frequencies_hz - center) / width) ** 2)) for center, width in ((700, 150), (1200, 200), (2600, 300))
    )
    struck = np.clip((seconds % 0.5) * 20, 0, 1) * np.exp(-2 * (seconds % 0.5))
    return np.fft.irfft(np.fft.rfft(bowed(seconds, random)) * formants, len(seconds)) * struck


def arpeggios(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Three such lines, a quarter of a second apart."""
    pitch_hz = notes(seconds, random) / 2
    return sum(
        np.sin(harmonic * 2 * np.pi * np.cumsum(np.roll(pitch_hz, line * RATE_HZ // 4)) / RATE_HZ)
        for line in range(3)
        for harmonic in range(1, 9)
    )


def notes(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Two notes a second of a pentatonic scale, in Hz."""
    steps = random.choice([0, 2, 4, 5, 7, 9, 12], len(seconds) * 2 // RATE_HZ)
    return np.repeat(220 * 2 ** (steps / 12), RATE_HZ // 2)


@pytest.mark.parametrize("sound", [bowed, vowels, arpeggios])
def test_music_like_a_voice_gives_no_text(whisper, sound) -> None:
    seconds = np.arange(30 * RATE_HZ) / RATE_HZ
    samples = sound(seconds, np.random.default_rng(3))
    samples = (samples / np.abs(samples).max() * 16_000).astype("<i2").tobytes()

    told = httpx.post(f"{whisper.url}/api/stt/bytes?sr={RATE_HZ}", content=samples, timeout=200).json()

    assert (told["text"], told["coverage"]["silent_seconds"]) == ("", 30)

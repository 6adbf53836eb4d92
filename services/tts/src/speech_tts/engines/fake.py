"""A sine for every word: deterministic, instant, no weights."""

import re
from collections.abc import Generator, Mapping

import numpy as np

from speech_core.audio import AudioFormat, Pcm
from speech_tts.engines import Voice
from speech_tts.settings import TtsSettings

_FORMAT = AudioFormat(16_000)
_WORD_SECONDS = 0.1
# As in a real engine, dots and dashes alone have no sound.
_WORD = re.compile(r"\S*\w\S*")


class FakeEngine:
    """A tenth of a second a word, its pitch by the word's length."""

    name = "fake"

    def __init__(self, settings: TtsSettings | None = None) -> None:
        self.voices: Mapping[str, Voice] = {"fake": Voice("fake", "en-US", _FORMAT)}

    def synthesize(self, text: str, *, voice: str, speed: float) -> Generator[Pcm]:
        samples = np.arange(int(_WORD_SECONDS * _FORMAT.sample_rate_hz / speed)) / _FORMAT.sample_rate_hz
        for word in _WORD.findall(text):
            hertz = 200 + 20 * len(word)
            wave = 8_000 * np.sin(2 * np.pi * hertz * samples)
            yield Pcm(wave.astype("<i2").tobytes(), _FORMAT)

    def close(self) -> None:
        """Nothing is held."""

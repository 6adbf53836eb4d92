"""A sine for every word: deterministic, instant, no weights."""

import re
from collections.abc import Generator, Mapping

import numpy as np

from speech_core.audio import AudioFormat, Pcm
from speech_tts.engines import Lanes, Voice
from speech_tts.settings import TtsSettings

_FORMAT = AudioFormat(16_000)
_WORD_SECONDS = 0.1
# As in a real engine, dots and dashes alone have no sound.
_WORD = re.compile(r"\S*\w\S*")


class FakeEngine:
    """A tenth of a second a word, its pitch by the word's length."""

    def __init__(self, settings: TtsSettings | None = None) -> None:
        self.voices: Mapping[str, Voice] = {"fake": Voice("fake", "fake", "en-US", _FORMAT)}
        self.lanes = Lanes((settings or TtsSettings()).seats)

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]:
        seconds = np.arange(int(_WORD_SECONDS * _FORMAT.sample_rate_hz / speed)) / _FORMAT.sample_rate_hz
        hertz = [200 + 20 * len(word) for word in _WORD.findall(text)]
        if hertz:
            wave = np.concatenate([8_000 * np.sin(2 * np.pi * one * seconds) for one in hertz])
            yield Pcm(wave.astype("<i2").tobytes(), _FORMAT)

    def close(self) -> None:
        """Nothing is held."""

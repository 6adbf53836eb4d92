"""A word for every half second of audio: deterministic, instant, no weights."""

from speech_asr.engines import Task
from speech_asr.segments import Recognized, Segment, Word
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples

_WORD_SECONDS = 0.5
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class FakeEngine:
    """Counts from one to ten and again."""

    name = "fake"
    languages = frozenset({"en"})

    def __init__(self, settings: AsrSettings | None = None) -> None:
        """There is nothing to load."""

    def transcribe(self, samples: Samples, task: Task) -> Recognized:
        count = max(1, int(len(samples) / SAMPLE_RATE_HZ / _WORD_SECONDS))
        words = [
            Word(index * _WORD_SECONDS, (index + 1) * _WORD_SECONDS, _NAMES[index % len(_NAMES)], 1.0)
            for index in range(count)
        ]
        text = " ".join(word.text for word in words)
        segment = Segment(0.0, count * _WORD_SECONDS, text, tuple(words) if task.words else None)
        return Recognized("en", (segment,))

    def close(self) -> None:
        """Nothing is held."""

"""A word for every half second of audio: deterministic, instant, no weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from speech_asr.engines import Task
from speech_asr.segments import Recognized, Segment, Word
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples, Spans

_WORD_SECONDS = 0.5
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class FakeAttempt:
    """How many words there will be."""

    count: int
    task: Task
    key: str = "any"


class FakeEngine:
    """Counts from one to ten and again."""

    languages = frozenset({"en"})

    def __init__(self, settings: AsrSettings | None = None) -> None:
        """There is nothing to load."""

    def prepare(self, samples: Samples, task: Task, *, speech: Spans | None = None) -> FakeAttempt:
        return FakeAttempt(max(1, int(len(samples) / SAMPLE_RATE_HZ / _WORD_SECONDS)), task)

    def decode(self, batch: Sequence[FakeAttempt]) -> Sequence[Recognized]:
        return [_recognized(attempt) for attempt in batch]

    def close(self) -> None:
        """Nothing is held."""


def _recognized(attempt: FakeAttempt) -> Recognized:
    words = [
        Word(index * _WORD_SECONDS, (index + 1) * _WORD_SECONDS, _NAMES[index % len(_NAMES)], 1.0)
        for index in range(attempt.count)
    ]
    text = " ".join(word.text for word in words)
    told = tuple(words) if attempt.task.words else None
    return Recognized("en", (Segment(0.0, attempt.count * _WORD_SECONDS, text, told),))

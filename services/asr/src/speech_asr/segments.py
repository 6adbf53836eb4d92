"""What was recognized: segments and words on the clock of the whole file, in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    start_seconds: float
    end_seconds: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    start_seconds: float
    end_seconds: float
    text: str
    words: Sequence[Word] | None = None

    def shifted(self, seconds: float, *, end_seconds: float) -> "Segment":
        """The segment of a window that begins at *seconds*; nothing reaches beyond the window's *end_seconds*."""

        def clock(at: float) -> float:
            return min(max(at, 0.0) + seconds, end_seconds)

        words = None
        if self.words is not None:
            words = tuple(
                replace(word, start_seconds=clock(word.start_seconds), end_seconds=clock(word.end_seconds))
                for word in self.words
            )
        return replace(self, start_seconds=clock(self.start_seconds), end_seconds=clock(self.end_seconds), words=words)


@dataclass(frozen=True, slots=True)
class Recognized:
    """What an engine makes of one window."""

    language: str | None
    segments: Sequence[Segment]


def joined(segments: Sequence[Segment]) -> str:
    """The text of all, with one space between."""
    return " ".join(text for segment in segments if (text := segment.text.strip()))

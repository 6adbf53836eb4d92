"""What was recognized: segments and words on the clock of the whole file, in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

# Whisper's own clock: a hundred frames a second.
FRAMES_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Word:
    start_seconds: float
    end_seconds: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """
    How the decoder came to a segment, in the terms of openai-whisper's `decoding.py`.

    *seek* is the frame of 10 ms at which the decoder's window begins; *avg_logprob* and *compression_ratio* are those
    of all that was decoded from that window.
    """

    seek: int
    tokens: Sequence[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech that the model put between two timestamps; *channel* where channels are told apart."""

    start_seconds: float
    end_seconds: float
    text: str
    words: Sequence[Word] | None = None
    decoded: Decoded | None = None
    channel: int | None = None

    @property
    def speaker(self) -> str | None:
        """A, B, C ... by channel, as OpenAI names speakers that it does not know."""
        return None if self.channel is None else chr(ord("A") + self.channel)

    def shifted(self, seconds: float, *, end_seconds: float) -> "Segment":
        """The segment of a window that begins at *seconds*; nothing reaches beyond the window's *end_seconds*."""

        def clock(at: float) -> float:
            return min(max(at, 0.0) + seconds, end_seconds)

        words, decoded = None, None
        if self.words is not None:
            words = tuple(
                replace(word, start_seconds=clock(word.start_seconds), end_seconds=clock(word.end_seconds))
                for word in self.words
            )
        if self.decoded is not None:
            decoded = replace(self.decoded, seek=self.decoded.seek + round(seconds * FRAMES_PER_SECOND))
        return replace(
            self,
            start_seconds=clock(self.start_seconds),
            end_seconds=clock(self.end_seconds),
            words=words,
            decoded=decoded,
        )


@dataclass(frozen=True, slots=True)
class Recognized:
    """What an engine makes of one window; *cut* when the decoder ran into its bound, as it does in a loop."""

    language: str | None
    segments: Sequence[Segment]
    cut: bool = False


def joined(segments: Sequence[Segment]) -> str:
    """The text of all, with one space between."""
    return " ".join(text for segment in segments if (text := segment.text.strip()))

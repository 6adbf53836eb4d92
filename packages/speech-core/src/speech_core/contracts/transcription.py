"""`POST /api/stt/bytes`: what was said, when, and what became of every second."""

from typing import Literal

from pydantic import Field

from speech_core.contracts import Answered
from speech_core.contracts.errors import ErrorBody

# OpenAI's rule for a file, and room for the form around it.
MAX_FILE_BYTES = 25 * 1024 * 1024
MAX_FORM_BYTES = MAX_FILE_BYTES + 256 * 1024


class Word(Answered):
    start_ms: int
    end_ms: int
    text: str
    probability: float


class Segment(Answered):
    start_ms: int
    end_ms: int
    text: str
    words: list[Word] | None = None
    channel: int | None = None


class Coverage(Answered):
    """Seconds of audio received, and what became of them; the last three add up to the first."""

    audio_seconds: float
    transcribed_seconds: float
    silent_seconds: float
    failed_seconds: float


class Transcription(Answered):
    text: str
    language: str | None = None
    duration_seconds: float
    segments: list[Segment]
    coverage: Coverage


class SegmentEvent(Segment):
    """Server-sent event `segment`: recognized just now; *final* when it is known that none follows."""

    type: Literal["segment"] = "segment"
    language: str | None = None
    final: bool = False


class ProgressEvent(Answered):
    """Server-sent event `progress`: how far the recognition is; *audio_seconds* where it is known."""

    type: Literal["progress"] = "progress"
    processed_seconds: float
    audio_seconds: float | None = None


class DoneEvent(Transcription):
    """Server-sent event `done`: the whole answer, once more."""

    type: Literal["done"] = "done"


class ErrorEvent(Answered):
    """Server-sent event `error`: the recognition failed in the middle; nothing follows."""

    type: Literal["error"] = "error"
    error: ErrorBody = Field(description="the envelope's inner object")

"""What a recognizer must do; all the rest is ours."""

from dataclasses import dataclass
from typing import Protocol

from speech_asr.segments import Recognized
from speech_asr.vad import Samples


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a window: *language* None is detected."""

    language: str | None = None
    words: bool = False


class Engine(Protocol):
    """
    Blocking by design: called in worker threads, by several at once.

    `transcribe` takes at most 30 s of mono samples at 16 kHz in [-1, 1]. An engine is made by calling its class with
    the settings, which loads and warms it up.
    """

    @property
    def name(self) -> str: ...

    @property
    def languages(self) -> frozenset[str]: ...

    def transcribe(self, samples: Samples, task: Task) -> Recognized: ...

    def close(self) -> None: ...

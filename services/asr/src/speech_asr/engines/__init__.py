"""What a recognizer must do; all the rest is ours."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from speech_asr.segments import Recognized
from speech_asr.vad import SAMPLE_RATE_HZ, Samples, Spans


@dataclass(frozen=True, slots=True)
class Task:
    """
    What is asked of a window.

    *language* None is detected, where *among* is not empty as the likeliest of these; *translate* is into English;
    *prompt* is text that might have come before; *temperature* 0 rises by itself when the decoder fails, as in the
    reference.
    """

    language: str | None = None
    words: bool = False
    translate: bool = False
    prompt: str | None = None
    temperature: float = 0.0
    among: tuple[str, ...] = ()


class EngineStuck(Exception):
    """A call that did not come back in time; its thread cannot be stopped."""


class Attempt(Protocol):
    """A window on its way through the engine: only attempts of the same *key* may share a batch."""

    @property
    def key(self) -> Hashable: ...


class Engine(Protocol):
    """
    Blocking by design: called in worker threads, by several at once.

    An engine is made by calling its class with the settings, which loads and warms it up. `prepare` takes at most
    30 s of mono samples at 16 kHz in [-1, 1], where somebody speaks in the spans of *speech* (None: in all of it), and
    needs no model.
    `decode` answers each attempt of a batch, in order, with what was recognized or with the attempt that is to follow;
    an error fails the whole batch.
    """

    @property
    def languages(self) -> frozenset[str]: ...

    def prepare(self, samples: Samples, task: Task, *, speech: Spans | None = None) -> Attempt: ...

    def decode(self, batch: Sequence[Any]) -> Sequence[Recognized | Attempt]: ...

    def close(self) -> None: ...


def compute_seconds_of_silence(engine: Engine, seconds: float) -> float:
    """What one call costs at least, for a window of so many *seconds*: words come on top."""
    silence = np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)
    attempt = engine.prepare(silence, Task("en"))
    started_seconds = time.monotonic()
    engine.decode([attempt])
    return time.monotonic() - started_seconds

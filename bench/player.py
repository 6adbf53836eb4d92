"""Who listens in a measurement: plays from the first sound on, and falls silent when the next one is late."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_RATE_HZ = 22_050
AUDIBLE = 32_768 * 10 ** (-45 / 20)


@dataclass(frozen=True, slots=True)
class Played:
    """One stream: when it could first be heard, what it played, and how often and how long it fell silent."""

    first_seconds: float
    audio_seconds: float
    wall_seconds: float
    underruns: int
    silent_seconds: float


class Player:
    """Takes runs of samples as they arrive."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._due = 0.0
        self._audio = 0.0
        self._underruns = 0
        self._silent = 0.0

    def take(self, samples: bytes) -> None:
        now = time.perf_counter()
        heard = np.abs(np.frombuffer(samples[: len(samples) // 2 * 2], "<i2").astype(int))
        if self._first is None:
            if heard.size == 0 or heard.max() < AUDIBLE:
                return
            self._first = self._due = now
        if now > self._due:
            late = now - self._due
            self._underruns += late > 0.001
            self._silent += late
            self._due = now
        self._due += heard.size / _RATE_HZ
        self._audio += heard.size / _RATE_HZ

    def played(self) -> Played:
        now = time.perf_counter()
        first = self._first if self._first is not None else now
        return Played(first - self._started, self._audio, now - self._started, self._underruns, self._silent)


Speak = Callable[[str], Played]

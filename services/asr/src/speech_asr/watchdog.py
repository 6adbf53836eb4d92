"""Calls of the engine, each in a thread and each with an end: an engine that hangs must not hold its callers."""

import time
from collections.abc import Sequence

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from speech_asr.engines import Attempt, Engine, EngineStuck
from speech_asr.segments import Recognized


class Watchdog:
    """
    At most *workers* calls at once, and *limit_seconds* for each; belongs to one event loop.

    A call that was given up goes on beside them: one more each *limit_seconds*, until the process is started anew.
    """

    def __init__(self, engine: Engine, *, workers: int, limit_seconds: float) -> None:
        self._engine = engine
        self._limiter = CapacityLimiter(workers)
        self._limit_seconds = limit_seconds
        self._started_seconds: dict[object, float] = {}

    def stuck(self) -> bool:
        """Whether a call is in the engine that has exceeded the limit; any thread may ask."""
        now_seconds = time.monotonic()
        return any(now_seconds - started > self._limit_seconds for started in list(self._started_seconds.values()))

    async def decode(self, batch: Sequence[Attempt]) -> Sequence[Recognized | Attempt]:
        """The engine's `decode`; raises `EngineStuck` at the limit. A caller who is cancelled waits for the end."""
        with CancelScope(shield=True), anyio.move_on_after(self._limit_seconds):
            return await to_thread.run_sync(self._run, batch, limiter=self._limiter, abandon_on_cancel=True)
        raise EngineStuck(f"a batch of {len(batch)} was in the engine for more than {self._limit_seconds:g} s")

    def _run(self, batch: Sequence[Attempt]) -> Sequence[Recognized | Attempt]:
        call = object()
        self._started_seconds[call] = time.monotonic()
        try:
            return self._engine.decode(batch)
        finally:
            del self._started_seconds[call]

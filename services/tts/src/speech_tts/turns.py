"""Whose turn it is: the utterance that would fall silent first."""

import heapq
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

import anyio


class Turns:
    """
    At most *total* turns are held at once; belongs to one event loop.

    Who waits is let in by *due_seconds*, when its listener has heard all that was made: one who has heard nothing yet
    goes before one who is seconds ahead.
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._waiting: list[tuple[float, int, anyio.Event]] = []
        self._numbers = count()
        self._began_seconds: dict[int, float] = {}

    @property
    def waiting(self) -> int:
        """Who waits for a turn; any thread may ask."""
        return len(self._waiting)

    def longest_seconds(self) -> float:
        """How long a turn is held by now, the longest of all; any thread may ask."""
        now_seconds = time.monotonic()
        return max((now_seconds - began for began in list(self._began_seconds.values())), default=0.0)

    @asynccontextmanager
    async def take(self, due_seconds: float) -> AsyncGenerator[None]:
        """Hold a turn for the block."""
        await self._enter(due_seconds)
        number = next(self._numbers)
        self._began_seconds[number] = time.monotonic()
        try:
            yield
        finally:
            del self._began_seconds[number]
            self._leave()

    async def _enter(self, due_seconds: float) -> None:
        if self._free:
            self._free -= 1
            return
        entry = due_seconds, next(self._numbers), anyio.Event()
        heapq.heappush(self._waiting, entry)
        try:
            await entry[2].wait()
        except anyio.get_cancelled_exc_class():
            if entry[2].is_set():  # it was just given a turn, which goes to the next
                self._leave()
            else:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            raise

    def _leave(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1

"""Whose turn it is: the utterance that would fall silent first; a new one where nobody falls silent for it."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

# The next phrase of an utterance may be twice as long as its last one (see `sentences`), and then takes twice as long.
_GROWTH = 2
# Where more listeners play than can be spoken to, somebody falls silent anyway: a new one waits no longer for them.
_PATIENCE_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class Place:
    """
    One utterance among the others: when its listener has heard all that was made, how long its last phrase took.

    It is new while its listener has heard nothing. A turn may bring no phrase: text is still being written.
    """

    since_seconds: float
    silent_at_seconds: float | None = None
    phrase_seconds: float = 0.0
    turn_seconds: float = 0.0

    @property
    def due_seconds(self) -> float:
        """When its next phrase has to be there."""
        return self.silent_at_seconds or 0.0

    def made(self, audio_seconds: float, now_seconds: float) -> None:
        """The last turn brought that much more to hear; who fell silent before goes on now."""
        self.phrase_seconds = self.turn_seconds
        self.silent_at_seconds = max(self.silent_at_seconds or 0.0, now_seconds) + audio_seconds


@dataclass(slots=True, eq=False)
class _Waiting:
    place: Place
    let_in: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """
    At most *total* turns are held at once; belongs to one event loop, whose clock is *now*.

    Who waits is let in by when its listener would fall silent. A new utterance goes before all of them where they have
    the time: else everyone who came at once would begin at once, and each would fall silent after a few words.
    """

    def __init__(self, total: int, now: Callable[[], float] = anyio.current_time) -> None:
        self._total = total
        self._free = total
        self._now = now
        self._waiting: list[_Waiting] = []
        self._began_seconds: dict[Place, float] = {}

    @property
    def waiting(self) -> int:
        """Who waits for a turn; any thread may ask."""
        return len(self._waiting)

    def longest_seconds(self) -> float:
        """How long a turn is held by now, the longest of all; any thread may ask."""
        now_seconds = time.monotonic()
        return max((now_seconds - began for began in list(self._began_seconds.values())), default=0.0)

    @asynccontextmanager
    async def take(self, place: Place) -> AsyncGenerator[None]:
        """Hold a turn for the block."""
        await self._enter(place)
        self._began_seconds[place] = time.monotonic()
        try:
            yield
        finally:
            place.turn_seconds = time.monotonic() - self._began_seconds.pop(place)
            self._leave(place)

    async def _enter(self, place: Place) -> None:
        if self._free:
            self._free -= 1
            return
        waiting = _Waiting(place)
        self._waiting.append(waiting)
        try:
            await waiting.let_in.wait()
        except anyio.get_cancelled_exc_class():
            if waiting.let_in.is_set():  # it was just given a turn, which goes to the next
                self._leave(place)
            else:
                self._waiting.remove(waiting)
            raise

    def _leave(self, leaving: Place) -> None:
        if not self._waiting:
            self._free += 1
            return
        chosen = self._next(leaving)
        self._waiting.remove(chosen)
        chosen.let_in.set()

    def _next(self, leaving: Place) -> _Waiting:
        new = [one for one in self._waiting if one.place.silent_at_seconds is None]
        playing = [one for one in self._waiting if one.place.silent_at_seconds is not None]
        playing.sort(key=lambda one: one.place.due_seconds)
        if not playing or (new and self._goes_first(new[0].place, [one.place for one in playing], leaving)):
            return new[0]
        return playing[0]

    def _goes_first(self, new: Place, playing: list[Place], leaving: Place) -> bool:
        """Whether all who play have the time to wait for it, and for who is *leaving* and comes again."""
        if self._now() - new.since_seconds > _PATIENCE_SECONDS:
            return True
        ready_seconds = self._now() + _GROWTH * leaving.turn_seconds / self._total
        for place in playing:
            ready_seconds += _GROWTH * place.phrase_seconds / self._total
            if ready_seconds > place.due_seconds:
                return False
        return True

"""
Who gets the engine, and when: windows of all requests in one line, in batches.

A worker that is free takes a batch at once; while all are busy, the line fills, and up to *batch_size* windows of one
key leave it together. By turns, a batch begins with the window that came first, with that of the request that has the
fewest windows left, and with that whose deadline is next: however many films are heard, a clip's turn comes within
three batches, and however many clips come, a film's does in time. A request has at most *windows_per_request* windows
in the engine. What was cancelled while it waited is dropped; the engine itself cannot be stopped.
"""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle

import anyio

from speech_asr.engines import Attempt, EngineStuck
from speech_asr.segments import Recognized
from speech_asr.vad import WINDOW_SECONDS
from speech_core.service.observation import Observation, current
from speech_core.service.tracing import NO_SPAN, Span

Decode = Callable[[Sequence[Attempt]], Awaitable[Sequence[Recognized | Attempt]]]


@dataclass(slots=True, eq=False)
class Share:
    """
    One request's part of the engine: how many of its windows are inside.

    What it has left to be heard, and its deadline on the clock of the event loop, are as its newest window told them:
    its windows keep their order.
    """

    inside: int = 0
    remaining_seconds: float = 0.0
    deadline_seconds: float = math.inf


@dataclass(slots=True, eq=False)
class Ticket:
    """
    A window in the line, or in the engine, until `result` is set or `error` is.

    *observation* is that of its request, *span* its own, *queue_span* that of its place in the line.
    """

    attempt: Attempt
    share: Share
    audio_seconds: float
    number: int
    observation: Observation = field(default_factory=Observation)
    span: Span = NO_SPAN
    queue_span: Span = NO_SPAN
    joined_seconds: float = 0.0
    waited_seconds: float = 0.0
    compute_seconds: float = 0.0
    alone: bool = False
    dropped: bool = False
    result: Recognized | None = None
    error: Exception | None = None
    done: anyio.Event = field(default_factory=anyio.Event)

    @property
    def key(self) -> Hashable:
        """What a batch has in common; a window that broke a batch shares no other."""
        return id(self) if self.alone else self.attempt.key

    def enter_engine(self) -> None:
        """Its turn has come."""
        self.share.inside += 1
        self.waited_seconds = anyio.current_time() - self.joined_seconds
        self.queue_span.end()
        if self.observation.stage == "queue":
            self.observation.stage = "engine"

    def answer(self) -> Recognized:
        """The result; raises what the engine raised."""
        if self.error is not None:
            raise self.error
        assert self.result is not None, "the ticket is not done"
        return self.result


def _came_first(ticket: Ticket) -> tuple[float, ...]:
    """A window that is tried again has kept its place."""
    return (ticket.number,)


def _fewest_left(ticket: Ticket) -> tuple[float, ...]:
    """In windows, as the engine works: of two clips, the one that came first."""
    return math.ceil(ticket.share.remaining_seconds / WINDOW_SECONDS), ticket.number


def _deadline_next(ticket: Ticket) -> tuple[float, ...]:
    return ticket.share.deadline_seconds, ticket.number


def _unwatched(*_: object) -> None:
    """Nobody is told."""


def _whole(outcome: Sequence[Recognized | Attempt], *, of: int) -> Sequence[Recognized | Attempt]:
    if len(outcome) != of:
        raise RuntimeError(f"the engine answered {len(outcome)} of {of} windows")
    return outcome


def _batch_span(batch: Sequence[Ticket]) -> Span:
    """One span for all: within the first window whose trace is recorded, linked with each of the others."""
    spans = [ticket.span for ticket in batch]
    first = next((span for span in spans if span.is_recorded), NO_SPAN)
    whole = first.child("batch", {"speech.batch_size": len(batch)}, links=spans)
    for span in spans:
        if span is not first:
            span.link(whole)
    return whole


class Scheduler:
    """
    Belongs to one event loop; *decode* runs a batch, in a thread in production.

    *on_batch* is told each batch that has left the engine, *on_end* each window that was recognized, has failed, or was
    dropped: once, with all of its compute seconds.
    """

    def __init__(
        self,
        decode: Decode,
        *,
        workers: int,
        batch_size: int,
        windows_per_request: int,
        on_batch: Callable[[Sequence[Ticket]], None] = _unwatched,
        on_end: Callable[[Ticket], None] = _unwatched,
    ) -> None:
        self._decode = decode
        self._workers = workers
        self._batch_size = batch_size
        self.windows_per_request = windows_per_request
        self._on_batch = on_batch
        self._on_end = on_end
        self._line: list[Ticket] = []
        self._idle = workers
        self._numbers = count()
        self._turns = cycle([_came_first, _fewest_left, _deadline_next])
        self._changed = anyio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Scheduler"]:
        """The workers live as long as the block; a *decode* that shields itself, as the watchdog's, is waited for."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._workers):
                tasks.start_soon(self._work)
            yield self
            tasks.cancel_scope.cancel()

    @property
    def waiting(self) -> int:
        """Windows in the line."""
        return len(self._line)

    def waits(self, ticket: Ticket) -> bool:
        """Whether it stands in the line."""
        return ticket in self._line

    def submit(
        self,
        attempt: Attempt,
        share: Share,
        *,
        audio_seconds: float,
        remaining_seconds: float,
        deadline_seconds: float,
    ) -> Ticket:
        """Put a window of *audio_seconds* into the line; *remaining_seconds* of its request are still to be heard."""
        share.remaining_seconds, share.deadline_seconds = remaining_seconds, deadline_seconds
        ticket = Ticket(attempt, share, audio_seconds, next(self._numbers))
        ticket.observation = current()
        ticket.span = ticket.observation.span.child("window", {"speech.audio_seconds": audio_seconds})
        self._enqueue(ticket)
        return ticket

    async def result(self, ticket: Ticket) -> Recognized:
        """What the engine makes of the window, on the window's own clock; cancelling drops it."""
        try:
            await ticket.done.wait()
        finally:
            self.drop(ticket)
        return ticket.answer()

    def drop(self, ticket: Ticket) -> None:
        """Nobody waits for this one any more: it leaves the line; in the engine, its result is thrown away."""
        if not ticket.done.is_set():
            ticket.dropped = True
            if ticket in self._line:
                self._line.remove(ticket)
                ticket.queue_span.end()
                self._on_end(ticket)
        ticket.span.end()

    def _enqueue(self, ticket: Ticket) -> None:
        self._line.append(ticket)
        ticket.joined_seconds = anyio.current_time()
        ticket.queue_span = ticket.span.child("queue wait")
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _work(self) -> None:
        while True:
            while not (batch := self._next_batch()):
                await self._changed.wait()
            self._idle -= 1
            await self._run(batch)
            self._idle += 1

    def _next_batch(self) -> list[Ticket]:
        """The window whose turn it is, and others of its key: spread over the workers that are free."""
        ready = [ticket for ticket in self._line if ticket.share.inside < self.windows_per_request]
        if not ready:
            return []
        ready.sort(key=next(self._turns))
        most = min(self._batch_size, math.ceil(len(ready) / self._idle))
        batch: list[Ticket] = []
        for ticket in ready:
            if len(batch) < most and ticket.key == ready[0].key and ticket.share.inside < self.windows_per_request:
                self._line.remove(ticket)
                ticket.enter_engine()
                batch.append(ticket)
        return batch

    async def _run(self, batch: list[Ticket]) -> None:
        started_seconds = anyio.current_time()
        span = _batch_span(batch)
        outcome: Sequence[Recognized | Attempt] | Exception
        try:
            outcome = _whole(await self._decode([ticket.attempt for ticket in batch]), of=len(batch))
        except Exception as error:  # noqa: BLE001 - any failure of the engine is that of the windows in it
            outcome = error
        finally:
            span.end()
            for ticket in batch:
                ticket.share.inside -= 1
            self._wake()
        compute_seconds = anyio.current_time() - started_seconds
        audio_seconds = sum(ticket.audio_seconds for ticket in batch)
        for ticket in batch:
            ticket.compute_seconds += compute_seconds * ticket.audio_seconds / audio_seconds
        self._on_batch(batch)
        self._deliver(batch, outcome)

    def _deliver(self, batch: list[Ticket], outcome: Sequence[Recognized | Attempt] | Exception) -> None:
        if isinstance(outcome, Exception):
            self._fail(batch, outcome)
            return
        for ticket, came in zip(batch, outcome, strict=True):
            if isinstance(came, Recognized):
                ticket.result = came
                self._end(ticket)
            else:
                ticket.attempt = came
                self._again(ticket)

    def _fail(self, batch: list[Ticket], error: Exception) -> None:
        """A window that failed alone is at fault; of a batch, each is tried alone."""
        # An engine that hangs would hang with each of them.
        is_final = len(batch) == 1 or isinstance(error, EngineStuck)
        for ticket in batch:
            if is_final:
                ticket.error = error
                self._end(ticket)
            else:
                ticket.alone = True
                self._again(ticket)

    def _again(self, ticket: Ticket) -> None:
        """One more call, if anybody still waits for it."""
        if ticket.dropped:
            self._on_end(ticket)
            return
        if ticket.observation.stage == "engine" and not ticket.share.inside:
            ticket.observation.stage = "queue"
        self._enqueue(ticket)

    def _end(self, ticket: Ticket) -> None:
        ticket.done.set()
        self._on_end(ticket)

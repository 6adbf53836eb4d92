"""
Audio that was let in and is not recognized yet.

Above a limit, what comes is refused before its body is read, by an estimate; once its length is known, what cannot be
heard before its deadline is refused as well.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager

import anyio
from starlette.datastructures import Headers

from speech_asr.scheduler import Ticket
from speech_asr.vad import WINDOW_SECONDS
from speech_core.errors import Overloaded

# The lowest rate of a codec that is still speech; without a length, most requests are an utterance.
_LEAST_BYTES_PER_SECOND = 4_000
_UNKNOWN_SECONDS = 30.0
# Of a new measurement of the throughput; a few batches are enough to follow the load.
_WEIGHT = 0.2
_SHORTEST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 600.0
_GUESSED_SHARE = 0.25
# Of the time that a request has, what may be planned: those who come later have their turns as well.
_SURE = 1 / 3
# No window is done faster; only a fake engine's.
_FASTEST_SECONDS = 1e-3


class Lease:
    """The audio of one request: first estimated, then known, and less with each window that is done."""

    def __init__(self, audio_seconds: float, *, longest_seconds: float) -> None:
        self.audio_seconds = audio_seconds
        self.longest_seconds = longest_seconds
        self.channels = 1
        self.is_estimate = True
        # On the clock of the event loop, once it was let in for good.
        self.deadline_seconds = math.inf
        self._done_seconds = 0.0
        self._unseen_seconds = 0.0

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.audio_seconds - self._done_seconds) + self._unseen_seconds

    def correct(self, audio_seconds: float) -> None:
        """The length is known now; a header may still lie."""
        self._become(audio_seconds, unseen_seconds=0.0)

    def reach(self, audio_seconds: float) -> None:
        """It is that long at least, and nobody knows how much is to come."""
        if self.is_estimate or audio_seconds > self.audio_seconds:
            self._become(audio_seconds, unseen_seconds=_UNKNOWN_SECONDS)

    def done(self, audio_seconds: float) -> None:
        """That much of it needs no more work."""
        self._done_seconds += audio_seconds

    def _become(self, audio_seconds: float, *, unseen_seconds: float) -> None:
        self.audio_seconds = min(audio_seconds, self.longest_seconds)
        self._unseen_seconds = unseen_seconds
        self.is_estimate = False


class Backlog:
    """
    At most *limit_seconds* of audio inside, and *most_channels* that are decoded at once; a request that finds nobody
    before it is let in whatever its length.

    Belongs to one event loop, but for *queued_seconds*, and for *expect*, which comes before the first request.
    """

    def __init__(
        self,
        *,
        limit_seconds: float,
        longest_seconds: float,
        shortest_seconds: float,
        most_channels: int,
        workers: int,
    ) -> None:
        # Audio seconds a second, of windows that are not shorter than the shortest; None where nothing is known of it.
        self.throughput: float | None = None
        self._mean_cost_seconds = self._mean_compute_seconds = 0.0
        self._limit_seconds = limit_seconds
        self._longest_seconds = longest_seconds
        self._shortest_seconds = shortest_seconds
        self._most_channels = most_channels
        self._workers = workers
        self._leases: set[Lease] = set()
        # When those who were refused will have been heard, if they come again; on the clock of the event loop.
        self._refused_heard_at_seconds = 0.0

    @property
    def queued_seconds(self) -> float:
        """What remains of all that is inside; any thread may ask."""
        return sum(lease.remaining_seconds for lease in tuple(self._leases))

    @contextmanager
    def take(self, headers: Headers) -> Generator[Lease]:
        """Hold a lease; raises `Overloaded` (queue_full) with the time after which there should be room."""
        seconds = self._estimate(headers)
        queued_seconds = self.queued_seconds
        if not self._leases:  # those who were refused have had room
            self._refused_heard_at_seconds = 0.0
        excess_seconds = queued_seconds + seconds - self._limit_seconds
        if self._leases and excess_seconds > 0:
            raise Overloaded(
                f"{queued_seconds:.0f} s of audio wait to be recognized; try again",
                retry_after_seconds=self._book_seconds(
                    seconds, excess_seconds=excess_seconds, queued_seconds=queued_seconds
                ),
            )
        self._check_channels(self._leases, 1)
        lease = Lease(seconds, longest_seconds=self._longest_seconds)
        self._leases.add(lease)
        try:
            yield lease
        finally:
            self._leases.remove(lease)

    def split(self, lease: Lease, channels: int) -> None:
        """Each channel has a decoder; raises `Overloaded` (queue_full) when that are too many together."""
        self._check_channels(self._leases - {lease}, channels)
        lease.channels = channels

    def _check_channels(self, others: set[Lease], channels: int) -> None:
        taken = sum(other.channels for other in others)
        if taken and taken + channels > self._most_channels:
            raise Overloaded(
                f"{taken} channels are being recognized, of {self._most_channels} at most; try again",
                retry_after_seconds=self.book_turn_seconds(),
            )

    def check_in_time(self, lease: Lease, deadline_seconds: float) -> None:
        """Raises `Overloaded` (queue_full) when what is to be done before that is too much to be sure of it."""
        before_seconds = sum(
            self._cost_seconds(other.remaining_seconds)
            for other in self._leases
            if other is not lease and other.deadline_seconds <= deadline_seconds
        )
        if not before_seconds or self.throughput is None:
            return
        room_seconds = self.throughput * (deadline_seconds - anyio.current_time())
        cost_seconds = self._cost_seconds(lease.remaining_seconds)
        excess_seconds = before_seconds - _SURE * (room_seconds - cost_seconds)
        if excess_seconds > 0:
            raise Overloaded(
                f"{before_seconds:.0f} s of audio are to be recognized before this; try again",
                retry_after_seconds=self._book_seconds(
                    cost_seconds, excess_seconds=excess_seconds, queued_seconds=before_seconds
                ),
            )

    def _cost_seconds(self, audio_seconds: float) -> float:
        """A word costs the engine as much as the shortest window."""
        return max(audio_seconds, self._shortest_seconds)

    def book_turn_seconds(self) -> float:
        """Note one who is refused a seat; tells after how long one of those inside should be done, and a seat free."""
        queued_seconds = self.queued_seconds
        mean_seconds = queued_seconds / max(1, len(self._leases))
        return self._book_seconds(mean_seconds, excess_seconds=mean_seconds, queued_seconds=queued_seconds)

    @property
    def _pace(self) -> float:
        """Audio seconds a second; before anything was measured, as fast as it is spoken."""
        return self.throughput or 1.0

    def _book_seconds(self, audio_seconds: float, *, excess_seconds: float, queued_seconds: float) -> float:
        """
        Note one who is refused; tells after how long there should be room for *audio_seconds*, if those who were
        refused before come first.

        No later than the *queued_seconds* before it are done: nobody knows who does come again.
        """
        now_seconds, all_seconds = anyio.current_time(), self.queued_seconds / self._pace
        others_seconds = max(0.0, self._refused_heard_at_seconds - now_seconds)
        # Of what is long, the first window: the others leave room for those who have less.
        taken_seconds = others_seconds + min(audio_seconds, WINDOW_SECONDS) / self._pace
        self._refused_heard_at_seconds = now_seconds + min(taken_seconds, all_seconds)
        wait_seconds = min(excess_seconds / self._pace + others_seconds, queued_seconds / self._pace)
        return min(_LONGEST_WAIT_SECONDS, max(_SHORTEST_WAIT_SECONDS, wait_seconds))

    def expect(self, audio_seconds: float, *, compute_seconds: float) -> None:
        """Before the first window is done: the throughput by what the engine took for so much silence, at its best."""
        self.throughput = self._workers * self._cost_seconds(audio_seconds) / max(compute_seconds, _FASTEST_SECONDS)

    def recognized(self, ticket: Ticket) -> None:
        """Learn the throughput from a window that is done."""
        weight = _WEIGHT if self._mean_compute_seconds else 1.0
        compute_seconds = max(ticket.compute_seconds, _FASTEST_SECONDS)
        self._mean_cost_seconds += weight * (self._cost_seconds(ticket.audio_seconds) - self._mean_cost_seconds)
        self._mean_compute_seconds += weight * (compute_seconds - self._mean_compute_seconds)
        # Not the mean of the ratios: of a batch, a short window is told a small share, and so a high one.
        self.throughput = self._workers * self._mean_cost_seconds / self._mean_compute_seconds

    def _estimate(self, headers: Headers) -> float:
        length = headers.get("content-length", "")
        seconds = int(length) / _LEAST_BYTES_PER_SECOND if length.isdigit() else _UNKNOWN_SECONDS
        # A guess alone must not shut the others out: an upload may be slow, and most are richer than 4 kB/s.
        return min(seconds, self._longest_seconds, self._limit_seconds * _GUESSED_SHARE)

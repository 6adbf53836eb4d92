"""Audio that was let in and is not recognized yet: above a limit, what comes is refused before its body is read."""

from collections.abc import Generator
from contextlib import contextmanager

from starlette.datastructures import Headers

from speech_asr.scheduler import Ticket
from speech_core.errors import Overloaded

# The lowest rate of a codec that is still speech; without a length, most requests are an utterance.
_LEAST_BYTES_PER_SECOND = 4_000
_UNKNOWN_SECONDS = 30.0
# Of a new measurement of the throughput; a few batches are enough to follow the load.
_WEIGHT = 0.2
_LONGEST_WAIT_SECONDS = 600.0
_GUESSED_SHARE = 0.25
# No window is done faster; only a fake engine's.
_FASTEST_SECONDS = 1e-3


class Lease:
    """The audio of one request: first estimated, then known, and less with each window that is done."""

    def __init__(self, audio_seconds: float, *, longest_seconds: float) -> None:
        self.audio_seconds = audio_seconds
        self._longest_seconds = longest_seconds
        self._done_seconds = 0.0

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.audio_seconds - self._done_seconds)

    def correct(self, audio_seconds: float) -> None:
        """The length is known better now; a header may still lie."""
        self.audio_seconds = min(audio_seconds, self._longest_seconds)

    def done(self, audio_seconds: float) -> None:
        """That much of it needs no more work."""
        self._done_seconds += audio_seconds


class Backlog:
    """
    At most *limit_seconds* of audio inside; a request that finds nobody before it is let in whatever its length.

    Belongs to one event loop, but for *queued_seconds*.
    """

    def __init__(self, *, limit_seconds: float, longest_seconds: float, workers: int) -> None:
        # Audio seconds a second; before anything was measured, as fast as it is spoken.
        self.throughput = 1.0
        self._limit_seconds = limit_seconds
        self._longest_seconds = longest_seconds
        self._workers = workers
        self._leases: set[Lease] = set()

    @property
    def queued_seconds(self) -> float:
        """What remains of all that is inside; any thread may ask."""
        return sum(lease.remaining_seconds for lease in tuple(self._leases))

    @contextmanager
    def take(self, headers: Headers) -> Generator[Lease]:
        """Hold a lease; raises `Overloaded` (queue_full) with the time after which there should be room."""
        seconds = self._estimate(headers)
        queued_seconds = self.queued_seconds
        excess_seconds = queued_seconds + seconds - self._limit_seconds
        if self._leases and excess_seconds > 0:
            raise Overloaded(
                f"{queued_seconds:.0f} s of audio wait to be recognized; try again",
                retry_after_seconds=self._until_room(excess_seconds),
            )
        lease = Lease(seconds, longest_seconds=self._longest_seconds)
        self._leases.add(lease)
        try:
            yield lease
        finally:
            self._leases.remove(lease)

    def turn_seconds(self) -> float:
        """After how long one of those inside should be done, and its seat free."""
        return self._until_room(self.queued_seconds / max(1, len(self._leases)))

    def _until_room(self, audio_seconds: float) -> float:
        return min(_LONGEST_WAIT_SECONDS, max(1.0, audio_seconds / self.throughput))

    def recognized(self, ticket: Ticket) -> None:
        """Learn the throughput from a window that is done."""
        measured = self._workers * ticket.audio_seconds / max(ticket.compute_seconds, _FASTEST_SECONDS)
        self.throughput += _WEIGHT * (measured - self.throughput)

    def _estimate(self, headers: Headers) -> float:
        length = headers.get("content-length", "")
        seconds = int(length) / _LEAST_BYTES_PER_SECOND if length.isdigit() else _UNKNOWN_SECONDS
        # A guess alone must not shut the others out: an upload may be slow, and most are richer than 4 kB/s.
        return min(seconds, self._longest_seconds, self._limit_seconds * _GUESSED_SHARE)

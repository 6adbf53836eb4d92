"""A fixed number of seats: a full house says so at once."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from speech_core.errors import Overloaded

_SOON_SECONDS = 1.0


class Seats:
    """
    How many requests may be inside at the same time.

    *free_in_seconds* tells whoever is refused when to come again. Belongs to one event loop: `take` never waits, so it
    needs no lock.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self.free_in_seconds: Callable[[], float] = lambda: _SOON_SECONDS

    @contextmanager
    def take(self) -> Generator[None]:
        """Hold one seat; raises `Overloaded` (queue_full) when none is free."""
        if self.taken >= self.total:
            raise Overloaded(f"all {self.total} seats are taken; try again", retry_after_seconds=self.free_in_seconds())
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

"""A fixed number of seats: a full house says so at once."""

from collections.abc import Generator
from contextlib import contextmanager

from speech_core.errors import Overloaded


class Seats:
    """
    How many requests may be inside at the same time.

    Belongs to one event loop: `take` never waits, so it needs no lock.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """Hold one seat; raises `Overloaded` (queue_full) when none is free."""
        if self.taken >= self.total:
            raise Overloaded(f"all {self.total} seats are taken; try again")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

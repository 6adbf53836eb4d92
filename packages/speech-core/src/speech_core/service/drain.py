"""How a service leaves: no new work, what is in progress is finished, then it goes."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio


class Drain:
    """
    Open, then draining, then expired. Belongs to the event loop that serves.

    *inside* is the number of requests and sockets in progress.
    """

    def __init__(self) -> None:
        self.inside = 0
        self._begun = anyio.Event()
        self._expired = anyio.Event()

    @property
    def draining(self) -> bool:
        return self._begun.is_set()

    @property
    def expired(self) -> bool:
        return self._expired.is_set()

    def begin(self) -> None:
        """From now on new work is refused."""
        self._begun.set()

    def expire(self) -> None:
        """The grace is over: what is still in progress fails with `draining`."""
        self._begun.set()
        self._expired.set()

    async def wait_begun(self) -> None:
        await self._begun.wait()

    async def wait_expired(self) -> None:
        await self._expired.wait()

    @contextmanager
    def enter(self) -> Generator[None]:
        """Count what is inside, so that the process waits for it."""
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

"""How a service leaves: no new work, what is in progress is finished, then it goes."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

# What was sent to an open socket before its other end could know arrives within this time.
_ON_ITS_WAY_SECONDS = 2.0


class Drain:
    """
    Open, then draining, then expired. Belongs to the event loop that serves.

    *inside* is the number of requests and sockets in progress, *entered* that of all that ever were.
    """

    def __init__(self) -> None:
        self.inside = 0
        self.entered = 0
        self._begun = anyio.Event()
        self._expired = anyio.Event()
        self._on_expiry: set[Callable[[], None]] = set()

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
        for tell in list(self._on_expiry):
            tell()

    async def wait_begun(self) -> None:
        await self._begun.wait()

    async def wait_settled(self) -> None:
        """Until the drain has begun and what was on its way to an open socket by then has come."""
        await self.wait_begun()
        with anyio.move_on_after(_ON_ITS_WAY_SECONDS):
            await self._expired.wait()

    async def wait_expired(self) -> None:
        await self._expired.wait()

    @contextmanager
    def enter(self, on_expiry: Callable[[], None] | None = None) -> Generator[None]:
        """Count what is inside, so that the process waits for it; *on_expiry* is called should the grace end first."""
        self.inside += 1
        self.entered += 1
        if on_expiry is not None:
            self._on_expiry.add(on_expiry)
        try:
            yield
        finally:
            self.inside -= 1
            if on_expiry is not None:
                self._on_expiry.discard(on_expiry)

"""How fast a body comes, counted while somebody waits for it."""

import time
from collections.abc import Generator
from contextlib import contextmanager


class Pace:
    """Of one body; what is not asked for cannot come, and is not held against it."""

    def __init__(self) -> None:
        self._arrived_bytes = 0
        self._waited_seconds = 0.0
        self._since_seconds: float | None = None

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Its next part is waited for within the block."""
        self._since_seconds = since_seconds = time.monotonic()
        try:
            yield
        finally:
            self._waited_seconds += time.monotonic() - since_seconds
            self._since_seconds = None

    def came(self, size_bytes: int) -> None:
        self._arrived_bytes += size_bytes

    @property
    def waited_seconds(self) -> float:
        now_seconds = time.monotonic()
        return (
            self._waited_seconds + now_seconds - (now_seconds if self._since_seconds is None else self._since_seconds)
        )

    @property
    def bytes_per_second(self) -> float:
        """Once it was waited for at all."""
        return self._arrived_bytes / self.waited_seconds

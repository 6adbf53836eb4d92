"""An upload on disk: memory stays flat, and all uploads together are bounded."""

import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread

from speech_core.errors import Overloaded

# Written in pieces large enough that the hop into a thread does not count.
_WRITE_BYTES = 1 << 20


class Spool:
    """Temporary files, at most *max_bytes* of them together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0

    @asynccontextmanager
    async def receive(self, body: AsyncIterable[bytes]) -> AsyncGenerator[Path]:
        """
        Write *body* to a file that lives as long as the block; raises `Overloaded` when the disk's share is full.

        The file has no name in the folder, only one under this process: even a killed process leaves nothing behind.
        """
        own_bytes = 0
        with tempfile.TemporaryFile() as file:
            try:
                held = bytearray()
                async for part in body:
                    self._reserve(len(part))
                    own_bytes += len(part)
                    held += part
                    if len(held) >= _WRITE_BYTES:
                        await to_thread.run_sync(file.write, bytes(held))
                        held.clear()
                await to_thread.run_sync(file.write, bytes(held))
                await to_thread.run_sync(file.flush)
                yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
            finally:
                self.held_bytes -= own_bytes

    def _reserve(self, n_bytes: int) -> None:
        if self.held_bytes + n_bytes > self._max_bytes:
            raise Overloaded("the disk space for uploads is taken; try again", retry_after_seconds=5.0)
        self.held_bytes += n_bytes

"""Text of one utterance, while it is being written and after."""

from collections.abc import AsyncGenerator

import anyio

from speech_core.errors import RequestTimeout

# More than an hour of speech: a writer who is that far ahead waits, and so does what it sends after.
_MOST_CHARACTERS = 1 << 16


class Draft:
    """Appended to by one task, read by another; belongs to one event loop."""

    def __init__(self, text: str = "", *, ended: bool = False) -> None:
        self._held = text
        self.ended = ended
        self._changed = anyio.Event()

    async def append(self, text: str) -> None:
        """Add to it; waits while the reader is far behind. What comes after the end goes nowhere."""
        while len(self._held) > _MOST_CHARACTERS and not self.ended:
            await self._changed.wait()
        if not self.ended:
            self._held += text
            self._wake()

    def end(self) -> None:
        """Nothing follows."""
        self.ended = True
        self._wake()

    async def portions(self, *, patience_seconds: float) -> AsyncGenerator[str]:
        """What is written, in portions as they come; raises `RequestTimeout` when the writer falls silent."""
        while True:
            if self._held:
                text, self._held = self._held, ""
                self._wake()
                yield text
            elif self.ended:
                return
            else:
                with anyio.move_on_after(patience_seconds) as waiting:
                    await self._changed.wait()
                if waiting.cancelled_caught:
                    raise RequestTimeout(
                        f"no text came for {patience_seconds:g} s, and no flush", code="text_timeout", param="text"
                    )

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

"""The body of a request on its way to an upstream, which asks for it when it has a seat."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress

# A service asks for the body as soon as it has a seat; one that says nothing at all is frozen, or behind a dead wire.
WORD_SECONDS = 5.0


class Body:
    """*begun* when a part of it was asked for, *failure* when it is the caller's end that broke."""

    def __init__(self, parts: AsyncIterable[bytes]) -> None:
        self._parts = aiter(parts)
        self._patience = asyncio.timeout(None)
        self.begun = False
        self.failure: Exception | None = None

    def awaited(self) -> asyncio.Timeout:
        """A block that raises `TimeoutError` after some seconds, unless the body is asked for within them."""
        self._patience = asyncio.timeout(WORD_SECONDS)
        return self._patience

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.begun:
            self.begun = True
            with suppress(RuntimeError):  # the answer has come meanwhile, and with it the end of the block
                self._patience.reschedule(None)
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            raise
        except Exception as failure:
            self.failure = failure
            raise

"""An answer that is made while it is sent: fails by status before its first byte, is closed with its caller."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from anyio import CancelScope
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class ClosingResponse(StreamingResponse):
    """
    Closes its generator however the answer ends.

    It does not look out for the caller's departure, and so leaves the request's body to the handler: `Intake` does.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.stream_response(send)
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                with CancelScope(shield=True):
                    await self.body_iterator.aclose()


async def begun(parts: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """*parts* with the first one made by now, so that what fails before it is still an ordinary error."""
    try:
        first = await anext(parts)
    except BaseException:
        await parts.aclose()
        raise
    return _resumed(first, parts)


async def _resumed(first: T, parts: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(parts):
        yield first
        async for part in parts:
            yield part

"""The only bridge from a blocking generator to the event loop."""

from collections.abc import AsyncGenerator, Generator
from typing import TypeVar, cast

from anyio import CancelScope, CapacityLimiter, to_thread

T = TypeVar("T")

_END = object()


async def pull(source: Generator[T], *, limiter: CapacityLimiter) -> AsyncGenerator[T]:
    """
    Iterate *source* in a worker thread, one item per demand.

    The next item is made only once the last one was taken: that is the back-pressure. Cancelling, or closing this
    generator, waits for the item in the making and closes *source*, so its work stops within one item.
    """
    try:
        while (item := await to_thread.run_sync(next, source, _END, limiter=limiter)) is not _END:
            yield cast("T", item)
    finally:
        with CancelScope(shield=True):
            # A thread of its own, not the limiter's: closing must not wait for somebody else's turn.
            await to_thread.run_sync(source.close, limiter=CapacityLimiter(1))

"""The only bridge from a blocking generator to the event loop."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar, cast

from anyio import CancelScope, CapacityLimiter, to_thread

T = TypeVar("T")

_END = object()


async def pull(
    source: Generator[T],
    *,
    limiter: CapacityLimiter,
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> AsyncGenerator[T]:
    """
    Iterate *source* in a worker thread, one item per demand, each made within a *turn*.

    The next item is made only once the last one was taken: that is the back-pressure. Cancelling, or closing this
    generator, waits for the item in the making and closes *source*, so its work stops within one item.
    """
    try:
        while True:
            async with turn():
                item = await to_thread.run_sync(next, source, _END, limiter=limiter)
            if item is _END:
                return
            yield cast("T", item)
    finally:
        with CancelScope(shield=True):
            # A thread of its own, not the limiter's: closing must not wait for somebody else's turn.
            await to_thread.run_sync(source.close, limiter=CapacityLimiter(1))

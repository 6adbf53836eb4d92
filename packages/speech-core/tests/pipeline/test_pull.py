import threading
from collections.abc import Generator
from contextlib import aclosing

import anyio
import pytest
from anyio import CapacityLimiter

from speech_core.pipeline.pull import pull

pytestmark = pytest.mark.anyio


class Source:
    """A blocking generator that tells what it made and whether it was closed."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed = threading.Event()
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def items(self) -> Generator[int]:
        try:
            for item in range(1_000):
                self.entered.set()
                assert self.gate.wait(10)
                self.made.append(item)
                yield item
        finally:
            self.closed.set()


async def test_items_come_in_order_and_the_source_is_closed() -> None:
    async def numbers() -> list[int]:
        return [item async for item in pull((n for n in range(5)), limiter=CapacityLimiter(1))]

    assert await numbers() == [0, 1, 2, 3, 4]


async def test_the_next_item_is_made_only_on_demand() -> None:
    source = Source()

    async with aclosing(pull(source.items(), limiter=CapacityLimiter(1))) as items:
        await anext(items)
        await anyio.wait_all_tasks_blocked()

        assert source.made == [0]


async def test_leaving_early_closes_the_source() -> None:
    source = Source()

    async with aclosing(pull(source.items(), limiter=CapacityLimiter(1))) as items:
        await anext(items)

    assert source.closed.is_set()


async def test_cancelling_stops_within_one_item() -> None:
    source = Source()
    source.gate.clear()

    async def listen() -> None:
        async with aclosing(pull(source.items(), limiter=CapacityLimiter(1))) as items:
            async for _ in items:
                pass

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.to_thread.run_sync(source.entered.wait)
            tasks.cancel_scope.cancel()
            source.gate.set()

    assert source.closed.is_set()
    assert len(source.made) <= 1


async def test_a_failure_of_the_source_reaches_the_listener() -> None:
    def broken() -> Generator[int]:
        yield 1
        raise RuntimeError("engine")

    async with aclosing(pull(broken(), limiter=CapacityLimiter(1))) as items:
        await anext(items)
        with pytest.raises(RuntimeError, match="engine"):
            await anext(items)

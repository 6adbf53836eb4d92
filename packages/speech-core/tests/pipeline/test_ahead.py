from collections.abc import AsyncGenerator

import anyio
import pytest

from speech_core.pipeline.ahead import one_ahead

pytestmark = pytest.mark.anyio


class Source:
    """Tells what it made, whether it was closed, and fails when told to."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.made: list[int] = []
        self.closed = False
        self.fails_at = fails_at

    async def items(self) -> AsyncGenerator[int]:
        try:
            for item in range(5):
                if item == self.fails_at:
                    raise OSError("made no more")
                self.made.append(item)
                yield item
        finally:
            self.closed = True


async def test_all_items_come_in_order() -> None:
    source = Source()

    async with one_ahead(source.items()) as items:
        used = [item async for item in items]

    assert (used, source.closed) == ([0, 1, 2, 3, 4], True)


async def test_the_next_one_is_made_while_the_last_one_is_used_and_no_more() -> None:
    source = Source()

    async with one_ahead(source.items()) as items:
        await anext(aiter(items))
        await anyio.wait_all_tasks_blocked()

        assert source.made == [0, 1]


async def test_what_was_made_before_a_failure_is_used_first() -> None:
    used: list[int] = []

    async def use() -> None:
        async with one_ahead(Source(fails_at=2).items()) as items:
            async for item in items:
                await anyio.wait_all_tasks_blocked()
                used.append(item)

    with pytest.raises(OSError, match="made no more"):
        await use()
    assert used == [0, 1]


async def test_the_users_own_failure_is_raised_as_it_is_and_closes_the_source() -> None:
    source = Source()

    async def use() -> None:
        async with one_ahead(source.items()) as items:
            await anext(aiter(items))
            raise KeyError

    with pytest.raises(KeyError):
        await use()
    assert source.closed


async def test_leaving_early_or_being_cancelled_closes_the_source() -> None:
    left, cancelled = Source(), Source()

    async with one_ahead(left.items()) as items:
        await anext(aiter(items))
    with anyio.CancelScope() as scope:
        async with one_ahead(cancelled.items()) as items:
            await anext(aiter(items))
            scope.cancel()
            await anyio.sleep_forever()

    assert (left.closed, cancelled.closed) == (True, True)

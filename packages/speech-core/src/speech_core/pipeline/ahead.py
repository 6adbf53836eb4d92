"""Making the next while the last is used."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import anyio

T = TypeVar("T")


@asynccontextmanager
async def one_ahead(source: AsyncGenerator[T]) -> AsyncGenerator[AsyncIterator[T]]:
    """
    The items of *source*, each made while the one before it is used.

    When *source* fails, what was made before is used first; then its error is raised, at the end of the block. Leaving
    the block closes *source*, and waits for that.
    """
    to_user, items = anyio.create_memory_object_stream[T](0)
    failures: list[Exception] = []

    async def make() -> None:
        async with to_user:
            try:
                async with aclosing(source):
                    async for item in source:
                        await to_user.send(item)
            except Exception as error:  # noqa: BLE001 - it is the user's, in its turn
                failures.append(error)

    async with anyio.create_task_group() as tasks, items:
        tasks.start_soon(make)
        try:
            yield items
        except Exception as error:  # noqa: BLE001 - carried out of the task group as it is, below
            failures.insert(0, error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]

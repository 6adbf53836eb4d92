from threading import Event

import anyio
import numpy as np
import pytest

from speech_asr.engines import Task
from speech_asr.scheduler import Scheduler
from speech_asr.vad import Window

pytestmark = pytest.mark.anyio


def window(number: int) -> Window:
    return Window(0, np.full(16_000 + number, 0.1, dtype=np.float32), ((0, 16_000),), is_last=True)


async def test_windows_take_turns_in_the_order_in_which_they_came(engine) -> None:
    scheduler, order = Scheduler(engine, 1), []
    gate = engine.hold(0)

    async def submit(number: int) -> None:
        await scheduler.submit(window(number), Task())
        order.append(number)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(submit, number)
                await anyio.wait_all_tasks_blocked()
            gate.set()

    assert order == [0, 1, 2, 3]


async def test_a_window_that_waits_is_dropped_when_its_request_is_cancelled(engine) -> None:
    scheduler = Scheduler(engine, 1)
    gate = engine.hold(0)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scheduler.submit, window(0), Task())
            await anyio.to_thread.run_sync(engine.entered.wait)
            with anyio.CancelScope() as scope:
                tasks.start_soon(cancel, scope)
                await scheduler.submit(window(1), Task())
            gate.set()

    assert scope.cancelled_caught
    assert len(engine.tasks) == 1


async def cancel(scope: anyio.CancelScope) -> None:
    scope.cancel()


async def test_as_many_windows_as_allowed_are_in_the_engine_at_once() -> None:
    both = [Event(), Event()]

    class Meeting:
        """Two calls that wait for each other."""

        name = "meeting"
        languages = frozenset[str]()

        def transcribe(self, samples: np.ndarray, task: Task) -> None:
            index = len(samples) - 16_000
            both[index].set()
            assert both[1 - index].wait(10)

        def close(self) -> None:
            """Nothing is held."""

    scheduler = Scheduler(Meeting(), 2)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scheduler.submit, window(0), Task())
            tasks.start_soon(scheduler.submit, window(1), Task())

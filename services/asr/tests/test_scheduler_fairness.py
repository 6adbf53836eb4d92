"""Nobody is starved, whoever else is there: clips beside hours, and hours beside clips; on the virtual clock."""

import random
from collections import deque
from dataclasses import dataclass

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_asr.scheduler import Scheduler, Share, Ticket

from .virtual_engine import Step, answered, due_seconds, run, submit

HOUR_SECONDS = 3600
CLIP_SECONDS = 5


@dataclass(frozen=True)
class Hour:
    """A long file: as many windows as it has, each so long in the engine."""

    windows: int
    seconds: float
    key: int


HOURS = st.lists(
    st.builds(Hour, windows=st.integers(1, 12), seconds=st.integers(1, 5).map(float), key=st.integers(0, 1)),
    min_size=1,
    max_size=20,
)
PAUSES = st.lists(st.integers(0, 6).map(lambda halves: halves / 2), min_size=1, max_size=8)


@settings(deadline=None)
@given(HOURS, PAUSES, st.integers(1, 3), st.integers(1, 4), st.integers(1, 2))
def test_a_clip_waits_for_three_batches_at_most_however_many_hours_are_heard(
    hours: list[Hour], pauses: list[float], workers: int, batch_size: int, windows_per_request: int
) -> None:
    waited_seconds: list[float] = []

    async def listen(scheduler: Scheduler, hour: Hour) -> None:
        """As the pipeline does: no more windows in the line than its share, and one."""
        share, ahead, deadline_seconds = Share(), [], due_seconds(HOUR_SECONDS)
        for number in range(hour.windows):
            left_seconds = HOUR_SECONDS * (1 - number / hour.windows)
            step = Step(f"hour {number}", hour.seconds, hour.key)
            ahead.append(
                submit(scheduler, step, share, remaining_seconds=left_seconds, deadline_seconds=deadline_seconds)
            )
            if len(ahead) > windows_per_request:
                await answered(scheduler, [ahead.pop(0)])
        await answered(scheduler, ahead)

    async def scenario(scheduler: Scheduler) -> None:
        async with anyio.create_task_group() as tasks:
            for hour in hours:
                tasks.start_soon(listen, scheduler, hour)
            for pause_seconds in pauses:
                await anyio.sleep(pause_seconds)
                clip = submit(
                    scheduler,
                    Step("clip"),
                    remaining_seconds=CLIP_SECONDS,
                    deadline_seconds=due_seconds(CLIP_SECONDS),
                )
                await answered(scheduler, [clip])
                waited_seconds.append(clip.waited_seconds)

    run(scenario, workers=workers, batch_size=batch_size, windows_per_request=windows_per_request)

    assert len(waited_seconds) == len(pauses)
    assert max(waited_seconds) <= 3 * max(hour.seconds for hour in hours)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, HOUR_SECONDS), st.integers(1, 4), st.integers(1, 2))
def test_a_file_has_its_turn_however_many_clips_come(remaining_seconds: int, clips_a_second: int, workers: int) -> None:
    taken_seconds = 0.0

    async def scenario(scheduler: Scheduler) -> None:
        nonlocal taken_seconds

        async def clips() -> None:
            while True:
                submit(scheduler, Step("clip"), remaining_seconds=CLIP_SECONDS)
                await anyio.sleep(1 / clips_a_second)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clips)
            await anyio.sleep(5)
            started_seconds = anyio.current_time()
            await answered(scheduler, [submit(scheduler, Step("file"), remaining_seconds=remaining_seconds)])
            taken_seconds = anyio.current_time() - started_seconds
            tasks.cancel_scope.cancel()

    run(scenario, workers=workers)

    # Those who were there before it are heard first, each in a second, and two others between each two of them.
    assert taken_seconds <= 3 * clips_a_second * 5 / workers + 4


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("hours", "callers", "window_seconds"), [(0.5, 128, 20), (1, 60, 30), (4, 16, 30)])
def test_a_film_ends_before_its_deadline_however_many_clips_are_asked_for(
    hours: float, callers: int, window_seconds: int
) -> None:
    """On two workers, in batches of four, with callers who ask for the next clip at once in all seats."""
    windows, left_seconds = int(hours * HOUR_SECONDS / window_seconds), list[float]()
    lengths = random.Random(7)

    async def scenario(scheduler: Scheduler) -> None:
        async def ask() -> None:
            while True:
                seconds = lengths.uniform(2, 9)
                clip = submit(
                    scheduler,
                    Step("clip", 3.25),
                    remaining_seconds=seconds,
                    deadline_seconds=due_seconds(seconds),
                )
                await answered(scheduler, [clip])

        async with anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(ask)
            await anyio.sleep(10)
            share, ahead, started_seconds = Share(), deque[Ticket](), anyio.current_time()
            deadline_seconds = due_seconds(hours * HOUR_SECONDS)

            async def hear() -> None:
                await answered(scheduler, [ahead.popleft()])
                # Stricter than the pipeline: two minutes, and twice as long as what was heard.
                until_seconds = started_seconds + 120 + 2 * window_seconds * (len(left_seconds) + 1)
                left_seconds.append(until_seconds - anyio.current_time())

            for number in range(windows):
                rest_seconds = (windows - number) * window_seconds
                window = submit(
                    scheduler,
                    Step("window", 3.5, key="long"),
                    share,
                    remaining_seconds=rest_seconds,
                    deadline_seconds=deadline_seconds,
                )
                ahead.append(window)
                # One ahead of that in the engine, as the pipeline has it.
                if number > 0:
                    await hear()
            await hear()
            tasks.cancel_scope.cancel()

    run(scenario, workers=2, batch_size=4, windows_per_request=1)

    assert min(left_seconds) > 0

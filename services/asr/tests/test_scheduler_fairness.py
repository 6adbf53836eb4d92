"""Nobody is starved, whoever else is there: clips beside hours, and hours beside clips; on the virtual clock."""

from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_asr.scheduler import Scheduler, Share

from .virtual_engine import Step, VirtualEngine, answered, run, submit

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
    max_size=4,
)
PAUSES = st.lists(st.integers(0, 6).map(lambda halves: halves / 2), min_size=1, max_size=8)


@settings(deadline=None)
@given(HOURS, PAUSES, st.integers(1, 3), st.integers(1, 4), st.integers(1, 2))
def test_a_clip_waits_for_one_batch_at_most_however_many_hours_are_heard(
    hours: list[Hour], pauses: list[float], workers: int, batch_size: int, windows_per_request: int
) -> None:
    waited_seconds: list[float] = []

    async def listen(scheduler: Scheduler, hour: Hour) -> None:
        """As the pipeline does: no more windows in the line than its share, and one."""
        share, ahead = Share(), []
        for number in range(hour.windows):
            left_seconds = HOUR_SECONDS * (1 - number / hour.windows)
            step = Step(f"hour {number}", hour.seconds, hour.key)
            ahead.append(submit(scheduler, step, share, remaining_seconds=left_seconds))
            if len(ahead) > windows_per_request:
                await answered(scheduler, [ahead.pop(0)])
        await answered(scheduler, ahead)

    async def scenario(scheduler: Scheduler, engine: VirtualEngine) -> None:
        async with anyio.create_task_group() as tasks:
            for hour in hours:
                tasks.start_soon(listen, scheduler, hour)
            for pause_seconds in pauses:
                await anyio.sleep(pause_seconds)
                clip = submit(scheduler, Step("clip"), remaining_seconds=CLIP_SECONDS)
                await answered(scheduler, [clip])
                waited_seconds.append(clip.waited_seconds)

    run(scenario, workers=workers, batch_size=batch_size, windows_per_request=windows_per_request)

    assert len(waited_seconds) == len(pauses)
    assert max(waited_seconds) <= max(hour.seconds for hour in hours)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, HOUR_SECONDS), st.integers(1, 4), st.integers(1, 2))
def test_a_file_has_its_turn_however_many_clips_come(remaining_seconds: int, clips_a_second: int, workers: int) -> None:
    taken_seconds = 0.0

    async def scenario(scheduler: Scheduler, engine: VirtualEngine) -> None:
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

    # It is placed a second later for each minute of it: those who have come by then are heard first, each in a second.
    before_it = clips_a_second * (5 + remaining_seconds / 60)
    assert taken_seconds <= max(before_it / workers, remaining_seconds / 60) + 3

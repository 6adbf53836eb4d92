"""Who is let in is heard before its deadline: callers who ask for the next at once, on the virtual clock."""

import random
from collections import Counter, deque
from collections.abc import Sequence

import anyio
import pytest
from starlette.datastructures import Headers

from speech_asr.backlog import Backlog, Lease
from speech_asr.scheduler import Scheduler, Share, Ticket
from speech_asr.segments import Recognized
from speech_core.errors import Overloaded

from .virtual_engine import Step, due_seconds, on_virtual_clock, recognized

WORKERS = 2
# Of audio, by each worker.
SECONDS_A_SECOND = 8.0
SHORTEST_SECONDS, WINDOW_SECONDS = 10.0, 30.0


async def decode(batch: Sequence[Step]) -> list[Recognized]:
    await anyio.sleep(sum(max(step.seconds, SHORTEST_SECONDS) for step in batch) / SECONDS_A_SECOND)
    return [recognized(step.name) for step in batch]


async def hear(scheduler: Scheduler, lease: Lease, deadline_seconds: float) -> None:
    """As the pipeline does: one window ahead of that in the engine."""
    share, ahead = Share(), deque[Ticket]()

    async def first() -> None:
        ticket = ahead.popleft()
        await scheduler.result(ticket)
        lease.done(ticket.audio_seconds)

    left_seconds = lease.audio_seconds
    while left_seconds > 0:
        seconds = min(WINDOW_SECONDS, left_seconds)
        left_seconds -= seconds
        ahead.append(
            scheduler.submit(
                Step("window", seconds),
                share,
                audio_seconds=seconds,
                remaining_seconds=lease.remaining_seconds,
                deadline_seconds=deadline_seconds,
            )
        )
        if len(ahead) > 1:
            await first()
    await first()


async def visit(scheduler: Scheduler, backlog: Backlog, audio_seconds: float) -> str:
    """What becomes of a caller with so much audio; who is refused comes again when he was told to."""
    deadline_seconds = due_seconds(audio_seconds)
    try:
        with backlog.take(Headers()) as lease, anyio.CancelScope(deadline=deadline_seconds) as patience:
            lease.correct(audio_seconds)
            backlog.check_in_time(lease, deadline_seconds)
            lease.deadline_seconds = deadline_seconds
            await hear(scheduler, lease, deadline_seconds)
    except Overloaded as refusal:
        await anyio.sleep(refusal.retry_after_seconds)
        return "refused"
    return "late" if patience.cancelled_caught else "heard"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("callers", "lengths", "film_seconds"),
    [
        (128, (25.0,), None),
        (127, (2.0, 5.0, 9.0), 900),
        (60, (20.0, 25.0, 30.0), 900),
    ],
)
def test_who_is_let_in_is_heard_in_time_however_many_come(callers: int, lengths, film_seconds) -> None:
    chance, fates = random.Random(7), Counter[str]()
    backlog = Backlog(
        limit_seconds=28_800,
        longest_seconds=14_400,
        shortest_seconds=SHORTEST_SECONDS,
        most_channels=128,
        workers=WORKERS,
    )
    backlog.throughput = WORKERS * SECONDS_A_SECOND

    async def come(scheduler: Scheduler) -> None:
        while True:
            fates[await visit(scheduler, backlog, chance.choice(lengths))] += 1

    async def scenario() -> None:
        scheduler = Scheduler(decode, workers=WORKERS, batch_size=4, windows_per_request=1, on_end=backlog.recognized)
        async with scheduler.running(), anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(come, scheduler)
            await anyio.sleep(180)
            if film_seconds:
                while (fate := await visit(scheduler, backlog, film_seconds)) == "refused":
                    pass
                assert fate == "heard"
            tasks.cancel_scope.cancel()

    on_virtual_clock(scenario)

    assert fates["heard"] > 100
    assert fates["late"] == 0
    # On average, each is refused twice at most before it is heard.
    assert fates["refused"] < 2 * fates["heard"] + 2 * callers

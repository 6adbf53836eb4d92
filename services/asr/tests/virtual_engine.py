"""The scheduler on a virtual clock: the engine's time is slept, and sleeping takes none."""

import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field

import anyio
import trio.testing

from speech_asr.scheduler import Scheduler, Share, Ticket
from speech_asr.segments import Recognized, Segment


@dataclass(frozen=True)
class Step:
    """An attempt that takes *seconds* in the engine, and then is done, or goes on as *following*."""

    name: str
    seconds: float = 1.0
    key: Hashable = "any"
    following: "Step | None" = None
    poisoned: bool = False


@dataclass
class VirtualEngine:
    """Sleeps as long as its slowest window; notes what it was given."""

    names: list[list[str]] = field(default_factory=list)

    async def decode(self, batch: Sequence[Step]) -> Sequence[Recognized | Step]:
        self.names.append([step.name for step in batch])
        await anyio.sleep(max(step.seconds for step in batch))
        if any(step.poisoned for step in batch):
            raise RuntimeError("one of them broke the engine")
        return [step.following or recognized(step.name) for step in batch]


def recognized(name: str) -> Recognized:
    return Recognized("en", (Segment(0, 1, name),))


def due_seconds(audio_seconds: float) -> float:
    """The deadline of a request that begins now, as the settings have it."""
    return anyio.current_time() + 120 + 2 * audio_seconds


def on_virtual_clock(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run *scenario* on a clock that jumps to the next event."""
    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


def run(scenario: Callable[[Scheduler], Awaitable[None]], **settings: int) -> VirtualEngine:
    """Run *scenario* beside the workers, on the virtual clock."""
    engine = VirtualEngine()
    layout = {"workers": 1, "batch_size": 1, "windows_per_request": 100, **settings}

    async def main() -> None:
        async with Scheduler(engine.decode, **layout).running() as scheduler:
            await scenario(scheduler)

    on_virtual_clock(main)
    return engine


def submit(
    scheduler: Scheduler,
    step: Step,
    share: Share | None = None,
    *,
    remaining_seconds: float = 10,
    deadline_seconds: float = math.inf,
) -> Ticket:
    return scheduler.submit(
        step,
        share or Share(),
        audio_seconds=10,
        remaining_seconds=remaining_seconds,
        deadline_seconds=deadline_seconds,
    )


async def answered(scheduler: Scheduler, tickets: Sequence[Ticket]) -> list[str]:
    return [(await scheduler.result(ticket)).segments[0].text for ticket in tickets]

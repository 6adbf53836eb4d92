"""What the scheduler gives to the engine, when, and in what order; all sleeps are on the virtual clock."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_asr.engines import EngineStuck
from speech_asr.scheduler import Scheduler, Share, Ticket
from speech_asr.segments import Recognized
from speech_core.service.observation import Observation, observed

from .virtual_engine import Step, VirtualEngine, answered, on_virtual_clock, recognized, run, submit


def test_a_worker_that_is_free_takes_a_window_at_once() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        ticket = submit(scheduler, Step("a"))
        await answered(scheduler, [ticket])
        assert ticket.waited_seconds == 0

    assert run(scenario, batch_size=8).names == [["a"]]


def test_what_comes_while_the_worker_is_busy_leaves_in_batches_of_one_key() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        tickets = [submit(scheduler, Step("first"))]
        await anyio.sleep(0.5)
        tickets += [submit(scheduler, Step(name, key=name[0])) for name in ("a1", "b1", "a2", "a3", "b2", "a4")]
        assert len(await answered(scheduler, tickets)) == 7

    assert run(scenario, batch_size=3).names == [["first"], ["a1", "a2", "a3"], ["b1", "b2"], ["a4"]]


def test_windows_are_spread_over_the_workers_that_are_free() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        await answered(scheduler, [submit(scheduler, Step(name)) for name in "abcd"])

    assert sorted(map(len, run(scenario, workers=2, batch_size=8).names)) == [2, 2]


def test_a_request_has_no_more_windows_in_the_engine_than_its_share() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        long = Share()
        tickets = [submit(scheduler, Step(f"long{number}"), long, remaining_seconds=60) for number in range(6)]
        await anyio.sleep(0.5)
        assert long.inside == 1
        clip = submit(scheduler, Step("clip"), remaining_seconds=600)
        await answered(scheduler, [clip])
        assert (clip.waited_seconds, long.inside) == (0, 1)
        await answered(scheduler, tickets)

    run(scenario, workers=2, batch_size=4, windows_per_request=1)


def test_a_short_request_overtakes_a_long_one() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        busy = submit(scheduler, Step("busy"))
        await anyio.sleep(0.1)
        tickets = [
            submit(scheduler, Step("hour"), remaining_seconds=3600),
            submit(scheduler, Step("clip"), remaining_seconds=5),
        ]
        await answered(scheduler, [busy, *tickets])

    assert run(scenario).names == [["busy"], ["clip"], ["hour"]]


def test_windows_of_one_request_keep_their_order() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        file = Share()
        busy = submit(scheduler, Step("busy"))
        await anyio.sleep(0.1)
        tickets = [busy, *(submit(scheduler, Step(name), file, **told) for name, told in windows.items())]
        await answered(scheduler, tickets)

    windows = {
        "second": {"remaining_seconds": 91, "deadline_seconds": 300},
        "third": {"remaining_seconds": 61, "deadline_seconds": 280},
        "fourth": {"remaining_seconds": 31, "deadline_seconds": 260},
    }
    assert run(scenario).names == [["busy"], ["second"], ["third"], ["fourth"]]


def test_a_request_is_in_the_engine_while_one_of_its_windows_is() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        with observed(Observation(stage="queue")) as observation:
            long = submit(scheduler, Step("long", following=Step("long, again")), remaining_seconds=60)
        clip = submit(scheduler, Step("clip"))
        for stage in ("engine", "queue", "engine"):
            await anyio.sleep(0.7)
            assert observation.stage == stage
        await answered(scheduler, [long, clip])

    assert run(scenario).names == [["long"], ["clip"], ["long, again"]]


def test_a_window_that_nobody_waits_for_leaves_the_line() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        busy, gone = submit(scheduler, Step("busy")), submit(scheduler, Step("gone"))
        with anyio.move_on_after(0.5):
            await scheduler.result(gone)
        assert scheduler.waiting == 0
        await answered(scheduler, [busy])

    assert run(scenario).names == [["busy"]]


def test_a_window_in_the_engine_that_nobody_waits_for_is_not_tried_again() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        gone = submit(scheduler, Step("gone", following=Step("warmer")))
        with anyio.move_on_after(0.5):
            await scheduler.result(gone)
        await anyio.sleep(5)
        assert gone.dropped

    assert run(scenario).names == [["gone"]]


def test_a_fallback_goes_back_into_the_line_under_its_own_key() -> None:
    warmer = Step("a again", key="warm")

    async def scenario(scheduler: Scheduler) -> None:
        tickets = [submit(scheduler, Step("a", following=warmer)), submit(scheduler, Step("b"))]
        tickets.append(submit(scheduler, Step("c")))
        assert await answered(scheduler, tickets) == ["a again", "b", "c"]

    assert run(scenario, batch_size=2).names == [["a", "b"], ["a again"], ["c"]]


def test_a_batch_that_hangs_is_not_tried_again() -> None:
    batches = 0

    async def scenario() -> None:
        async def hang(batch: Sequence[Step]) -> Sequence[Recognized | Step]:
            nonlocal batches
            batches += 1
            await anyio.sleep(120)
            raise EngineStuck

        async with Scheduler(hang, workers=1, batch_size=4, windows_per_request=1).running() as scheduler:
            tickets = [submit(scheduler, Step(name)) for name in "abcd"]
            for ticket in tickets:
                with pytest.raises(EngineStuck):
                    await scheduler.result(ticket)

    on_virtual_clock(scenario)
    assert batches == 1


def test_every_second_in_the_engine_is_told_once_as_that_of_a_window_that_is_done_with() -> None:
    ended: dict[str, tuple[float, bool]] = {}

    def on_end(ticket: Ticket) -> None:
        assert ticket.attempt.name not in ended
        ended[ticket.attempt.name] = (ticket.compute_seconds, ticket.dropped)

    async def scenario() -> None:
        engine = VirtualEngine()
        async with Scheduler(
            engine.decode, workers=1, batch_size=1, windows_per_request=1, on_end=on_end
        ).running() as scheduler:
            left_inside = submit(scheduler, Step("left inside", 3))
            left_between = submit(scheduler, Step("left between", following=Step("left between, again")))
            bad = submit(scheduler, Step("bad", poisoned=True), remaining_seconds=60, deadline_seconds=9)
            done = submit(scheduler, Step("done", following=Step("done, again")), remaining_seconds=60)
            await anyio.sleep(1)
            scheduler.drop(left_inside)
            await anyio.sleep(3.5)
            scheduler.drop(left_between)
            with pytest.raises(RuntimeError):
                await scheduler.result(bad)
            await scheduler.result(done)

    on_virtual_clock(scenario)

    assert ended == {
        "left inside": (3, True),
        "left between, again": (1, True),
        "bad": (1, False),
        "done, again": (2, False),
    }


def test_a_poisoned_window_fails_alone() -> None:
    async def scenario(scheduler: Scheduler) -> None:
        tickets = [submit(scheduler, Step("good")), submit(scheduler, Step("bad", poisoned=True))]
        assert await answered(scheduler, tickets[:1]) == ["good"]
        with pytest.raises(RuntimeError, match="one of them"):
            await scheduler.result(tickets[1])

    assert run(scenario, batch_size=2).names == [["good", "bad"], ["good"], ["bad"]]


def test_an_engine_that_answers_too_little_fails_its_windows_and_not_the_scheduler() -> None:
    answers = [[], [recognized("second")]]

    async def decode(batch: Sequence[Step]) -> Sequence[Recognized | Step]:
        return answers.pop(0)

    async def main() -> None:
        async with Scheduler(decode, workers=1, batch_size=1, windows_per_request=1).running() as scheduler:
            with pytest.raises(RuntimeError, match="0 of 1"):
                await scheduler.result(submit(scheduler, Step("first")))
            assert await answered(scheduler, [submit(scheduler, Step("second"))]) == ["second"]

    on_virtual_clock(main)


@dataclass(frozen=True)
class Arrival:
    """A window that comes at some time, of one of a few requests and keys."""

    at_seconds: float
    request: int
    key: int
    seconds: float
    retries: int
    leaves_after: float | None


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        at_seconds=st.integers(0, 20).map(float),
        request=st.integers(0, 3),
        key=st.integers(0, 2),
        seconds=st.integers(1, 5).map(float),
        retries=st.integers(0, 2),
        leaves_after=st.none() | st.integers(0, 8).map(float),
    ),
    max_size=25,
)


@given(ARRIVALS, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_every_window_is_answered_once_whatever_comes(
    arrivals: list[Arrival], workers: int, batch_size: int, windows_per_request: int
) -> None:
    shares = [Share() for _ in range(4)]
    answers: dict[int, str] = {}
    left: set[int] = set()

    async def visit(scheduler: Scheduler, number: int, arrival: Arrival) -> None:
        await anyio.sleep(arrival.at_seconds)
        step = Step(f"{number}", arrival.seconds, arrival.key)
        for _ in range(arrival.retries):
            step = Step(f"{number}", arrival.seconds, arrival.key, following=step)
        ticket = submit(scheduler, step, shares[arrival.request], remaining_seconds=arrival.seconds)
        with anyio.move_on_after(arrival.leaves_after if arrival.leaves_after is not None else 1e9) as patience:
            answers[number] = (await scheduler.result(ticket)).segments[0].text
        if patience.cancelled_caught:
            left.add(number)
        assert all(0 <= share.inside <= windows_per_request for share in shares)

    async def scenario(scheduler: Scheduler) -> None:
        async with anyio.create_task_group() as tasks:
            for number, arrival in enumerate(arrivals):
                tasks.start_soon(visit, scheduler, number, arrival)
        await anyio.sleep(10)
        assert scheduler.waiting == 0
        assert all(share.inside == 0 for share in shares)

    engine = run(scenario, workers=workers, batch_size=batch_size, windows_per_request=windows_per_request)

    assert answers == {number: f"{number}" for number in range(len(arrivals)) if number not in left}
    assert all(arrivals[number].leaves_after is not None for number in left)
    for names in engine.names:
        members = [arrivals[int(name)] for name in names]
        assert len(members) <= batch_size
        assert len({member.key for member in members}) == 1

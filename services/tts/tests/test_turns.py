import anyio
import pytest

from speech_tts.turns import Turns

pytestmark = pytest.mark.anyio


async def test_who_would_fall_silent_first_is_let_in_first() -> None:
    turns, order = Turns(1), []

    async def speak(name: str, due_seconds: float) -> None:
        async with turns.take(due_seconds):
            order.append(name)

    async with anyio.create_task_group() as tasks, turns.take(0):
        for name, due_seconds in (("seconds ahead", 9.0), ("new", 1.0), ("a little ahead", 2.0)):
            tasks.start_soon(speak, name, due_seconds)
        await anyio.wait_all_tasks_blocked()

    assert order == ["new", "a little ahead", "seconds ahead"]


async def test_as_many_as_there_are_run_at_once() -> None:
    turns, inside, most = Turns(2), 0, 0

    async def speak() -> None:
        nonlocal inside, most
        async with turns.take(0):
            inside += 1
            most = max(most, inside)
            await anyio.wait_all_tasks_blocked()
            inside -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(speak)

    assert (inside, most) == (0, 2)


async def test_a_turn_that_is_held_for_long_is_seen() -> None:
    turns = Turns(1)

    async with turns.take(0):
        held_seconds = turns.longest_seconds()

    assert held_seconds > 0
    assert turns.longest_seconds() == 0


@pytest.mark.parametrize("is_let_in_first", [False, True])
async def test_who_leaves_while_waiting_takes_no_turn_along(is_let_in_first) -> None:
    turns = Turns(1)

    async def speak(due_seconds: float, scope: anyio.CancelScope | None = None) -> None:
        with scope or anyio.CancelScope():
            async with turns.take(due_seconds):
                pass

    leaving = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        async with turns.take(0):
            tasks.start_soon(speak, 1.0, leaving)
            tasks.start_soon(speak, 2.0)
            await anyio.wait_all_tasks_blocked()
            if not is_let_in_first:
                leaving.cancel()
                await anyio.wait_all_tasks_blocked()
        leaving.cancel()

    with anyio.fail_after(5):
        async with turns.take(0):
            pass

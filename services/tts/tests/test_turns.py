from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import pytest

from speech_tts.turns import Place, Turns

pytestmark = pytest.mark.anyio

NOW_SECONDS = 1000.0


def new(waited_seconds: float = 0.0) -> Place:
    return Place(NOW_SECONDS - waited_seconds)


def playing(ahead_seconds: float, *, phrase_seconds: float = 0.0) -> Place:
    """One whose listener has so much to play yet."""
    return Place(NOW_SECONDS - 60, NOW_SECONDS + ahead_seconds, phrase_seconds)


async def order_of(*places: Place, total: int = 1) -> list[int]:
    """Which of the *places* that wait are let in one after the other, by their number."""
    turns, order = Turns(total, lambda: NOW_SECONDS), []

    async def speak(number: int, place: Place) -> None:
        async with turns.take(place):
            order.append(number)

    async with AsyncExitStack() as held, anyio.create_task_group() as tasks:
        for _ in range(total):
            await held.enter_async_context(turns.take(new()))
        for number, place in enumerate(places):
            tasks.start_soon(speak, number, place)
            await anyio.wait_all_tasks_blocked()
        await held.aclose()
    return order


async def test_who_would_fall_silent_first_is_let_in_first() -> None:
    assert await order_of(playing(9), playing(-1), playing(2)) == [1, 2, 0]


async def test_a_new_one_goes_before_those_who_have_the_time() -> None:
    assert await order_of(playing(9, phrase_seconds=1), playing(2, phrase_seconds=0.5), new(), new()) == [2, 3, 1, 0]


@pytest.mark.parametrize(
    "players",
    [
        [playing(0.9, phrase_seconds=0.5)],  # its next phrase may take a second
        [playing(-1)],  # it is silent already
        [playing(3, phrase_seconds=1), playing(3.9, phrase_seconds=1)],  # the second has to wait for the first
    ],
)
async def test_a_new_one_waits_where_somebody_would_fall_silent(players) -> None:
    assert (await order_of(new(), *players))[0] == 1


async def test_several_turns_at_once_take_their_part_of_the_time() -> None:
    players = [playing(1.1, phrase_seconds=0.5), playing(1.1, phrase_seconds=0.5)]

    assert (await order_of(new(), *players))[0] == 1
    assert (await order_of(new(), *players, total=2))[0] == 0


async def test_a_new_one_does_not_wait_for_ever() -> None:
    assert (await order_of(new(waited_seconds=11), playing(-1)))[0] == 0


async def test_a_listener_who_fell_silent_goes_on_when_the_next_phrase_is_made() -> None:
    place = new()

    place.made(2.0, NOW_SECONDS)
    place.made(2.0, NOW_SECONDS + 5)

    assert place.silent_at_seconds == NOW_SECONDS + 7


async def test_how_long_a_phrase_took_is_remembered_and_a_turn_without_one_is_not() -> None:
    turns, place = Turns(1), new()

    async with turns.take(place):
        await anyio.lowlevel.checkpoint()
    place.made(2.0, NOW_SECONDS)
    took_seconds = place.phrase_seconds
    async with turns.take(place):
        pass

    assert 0 < took_seconds < 5
    assert place.phrase_seconds == took_seconds


async def test_as_many_as_there_are_run_at_once() -> None:
    turns, inside, most = Turns(2), 0, 0

    async def speak() -> None:
        nonlocal inside, most
        async with turns.take(new()):
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

    async with turns.take(new()):
        held_seconds = turns.longest_seconds()

    assert held_seconds > 0
    assert turns.longest_seconds() == 0


@pytest.mark.parametrize("is_let_in_first", [False, True])
async def test_who_leaves_while_waiting_takes_no_turn_along(is_let_in_first) -> None:
    turns = Turns(1)

    async def speak(place: Place, scope: anyio.CancelScope | None = None) -> None:
        with scope or anyio.CancelScope():
            async with turns.take(place):
                pass

    leaving = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        async with turns.take(new()):
            tasks.start_soon(speak, playing(1), leaving)
            tasks.start_soon(speak, playing(2))
            await anyio.wait_all_tasks_blocked()
            if not is_let_in_first:
                leaving.cancel()
                await anyio.wait_all_tasks_blocked()
        leaving.cancel()

    with anyio.fail_after(5):
        async with turns.take(new()):
            pass

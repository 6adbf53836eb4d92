from collections.abc import Callable

import anyio
import pytest

from speech_core.service.sound_window import WINDOW_SECONDS, SoundWindow

pytestmark = pytest.mark.anyio

FRAME_SECONDS = 0.1
# Whole frames in a window.
FULL = round(WINDOW_SECONDS / FRAME_SECONDS)


class Listener:
    """Notes the pings, and may stop being heard."""

    def __init__(self) -> None:
        self.pings: list[bytes] = []
        self.is_unheard = False
        self.window = SoundWindow(self.pings.append, lambda: self.is_unheard)

    async def sent(self, frames: int) -> int:
        """How many of them find room."""
        for number in range(frames):
            with anyio.move_on_after(0.01) as patience:
                await self.window.opened()
            if patience.cancelled_caught:
                return number
            self.window.sent(FRAME_SECONDS)
        return frames


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_no_more_than_a_window_is_sent_to_one_who_answers_nothing() -> None:
    assert await Listener().sent(1_000) in (FULL, FULL + 1)  # a tenth of a second is no binary fraction


async def test_an_answer_makes_room_for_what_was_sent_before_its_ping() -> None:
    listener = Listener()
    await listener.sent(1_000)
    assert listener.window.answered(listener.pings[1])

    assert await listener.sent(1_000) == pytest.approx(10, abs=1)


async def test_an_answer_stands_for_the_pings_before_it() -> None:
    listener = Listener()
    await listener.sent(1_000)
    assert listener.window.answered(listener.pings[-1])
    assert listener.window.answered(listener.pings[0])

    assert await listener.sent(1_000) == pytest.approx(FULL - 2, abs=3)  # but for what no ping has asked about


@pytest.mark.parametrize(
    ("payload", "is_ours"), [(b"abcd", False), (b"", False), (b"sound x", False), (b"sound 0", True)]
)
async def test_what_was_not_asked_makes_no_room(payload, is_ours) -> None:
    listener = Listener()
    await listener.sent(1_000)

    assert listener.window.answered(payload) == is_ours
    assert await listener.sent(1) == 0


async def test_who_could_not_be_heard_is_asked_once_that_matters() -> None:
    listener = Listener()
    listener.is_unheard = True
    assert await listener.sent(1_000) == 1_000
    assert listener.pings == []
    listener.is_unheard = False

    assert await listener.sent(1) == 0
    listener.window.answered(listener.pings[-1])
    assert await listener.sent(1) == 1


async def test_the_pings_are_few() -> None:
    listener = Listener()
    for _ in range(100):
        await listener.sent(1)
        if listener.pings:
            listener.window.answered(listener.pings[-1])

    assert len(listener.pings) == pytest.approx(100 * FRAME_SECONDS / 0.5, abs=4)


async def test_who_says_that_it_has_read_what_was_not_sent_is_ahead_of_nobody() -> None:
    listener = Listener()
    await listener.sent(1_000)
    listener.window.answered(b"sound 999999999")

    assert await listener.sent(1_000) == pytest.approx(FULL - 2, abs=3)


def _unheard(listener: Listener) -> None:
    listener.is_unheard = True
    listener.window.look_again()


def _answering(listener: Listener) -> None:
    listener.window.answered(listener.pings[-1])


@pytest.mark.parametrize("happens", [_unheard, _answering])
async def test_one_who_waits_goes_on_at_once(happens: Callable[[Listener], None]) -> None:
    listener = Listener()
    await listener.sent(1_000)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.window.opened)
            await anyio.wait_all_tasks_blocked()
            happens(listener)

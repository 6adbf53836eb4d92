import anyio
import pytest

from speech_core.errors import RequestTimeout
from speech_tts.drafts import Draft

pytestmark = pytest.mark.anyio


async def read(draft: Draft, patience_seconds: float = 20) -> list[str]:
    return [text async for text in draft.portions(patience_seconds=patience_seconds)]


async def test_what_is_written_is_read_as_it_comes() -> None:
    draft, portions = Draft(), []

    async def reader() -> None:
        portions.extend(await read(draft))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader)
        for text in ("one ", "two"):
            await draft.append(text)
            await anyio.wait_all_tasks_blocked()
        draft.end()

    assert portions == ["one ", "two"]


async def test_a_writer_far_ahead_waits_for_the_reader() -> None:
    draft, written = Draft(), []

    async def writer() -> None:
        for _ in range(4):
            await draft.append("x" * 60_000)
            written.append(1)
        draft.end()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer)
        await anyio.wait_all_tasks_blocked()
        before = len(written)
        text = "".join(await read(draft))

    assert (before, len(written), len(text)) == (2, 4, 240_000)


async def test_a_writer_who_falls_silent_is_an_error() -> None:
    with pytest.raises(RequestTimeout, match="no text came"):
        await read(Draft("one"), patience_seconds=0.01)


async def test_nobody_waits_for_a_reader_who_has_gone() -> None:
    draft = Draft()
    draft.end()

    with anyio.fail_after(5):
        for _ in range(3):
            await draft.append("x" * 60_000)
    assert draft._held == ""

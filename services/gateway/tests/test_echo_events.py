"""The events of an echo, whose words and sound come from two tasks."""

import re

import anyio
import anyio.lowlevel
import pytest

from speech_core.contracts.transcription import SegmentEvent
from speech_gateway.routes.echo import Events

pytestmark = pytest.mark.anyio


def segment(text: str) -> SegmentEvent:
    return SegmentEvent(start_ms=0, end_ms=1000, text=text)


async def test_words_that_are_heard_while_the_answer_begins_keep_their_order() -> None:
    sent: list[str] = []

    async def send(message) -> None:
        sent.append(message.get("body", b"").decode())
        if '"one"' in sent[-1]:
            tasks.start_soon(voice.hear, segment("three"))
        await anyio.lowlevel.checkpoint()  # as long as another task goes on

    voice = Events(send)
    async with anyio.create_task_group() as tasks:
        await voice.hear(segment("one"))
        await voice.hear(segment("two"))
        await voice.begin("audio/wav", None)
    await voice.hear(segment("four"))

    assert re.findall(r'"text":"(\w+)"', "".join(sent)) == ["one", "two", "three", "four"]

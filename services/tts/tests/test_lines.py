from collections.abc import AsyncGenerator

import pytest

from speech_core.errors import InvalidRequest, TooLarge
from speech_tts.lines import read_lines

pytestmark = pytest.mark.anyio


def check(text: str) -> str:
    if len(text) > 20:
        raise TooLarge("too long", code="text_too_long", param="text")
    return text


async def parts(*given: bytes) -> AsyncGenerator[bytes]:
    for part in given:
        yield part


async def lines(*given: bytes) -> list[str]:
    return [line async for line in read_lines(parts(*given), check=check)]


async def test_lines_are_given_however_their_bytes_are_cut() -> None:
    text = "Привет.\n\nHow are you?\nlast".encode()

    cut = await lines(*(text[at : at + 1] for at in range(len(text))))

    assert cut == await lines(text) == ["Привет.", "How are you?", "last"]


async def test_a_line_that_does_not_end_is_refused_once_it_is_too_long() -> None:
    with pytest.raises(TooLarge):
        await lines(b"x" * 15, b"x" * 15)


async def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidRequest) as raised:
        await lines(b"\xff\xfe")

    assert (raised.value.code, raised.value.param) == ("invalid_text", "text")

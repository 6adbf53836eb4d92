"""Text that is still being written, cut into lines as its bytes arrive."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterable, Callable

from speech_core.errors import InvalidRequest


async def read_lines(body: AsyncIterable[bytes], *, check: Callable[[str], str]) -> AsyncGenerator[str]:
    """
    Yield each line that is not blank, once its end is there; *check* refuses what is too long.

    Raises `InvalidRequest` for bytes that are no UTF-8. Holds one line at most.
    """
    decoder, held = codecs.getincrementaldecoder("utf-8")(), ""
    async for part in body:
        held += _decode(decoder, part)
        *whole, held = held.split("\n")
        for line in whole:
            if line.strip():
                yield check(line)
        if held.strip():
            check(held)
    held += _decode(decoder, b"", final=True)
    if held.strip():
        yield check(held)


def _decode(decoder: codecs.IncrementalDecoder, part: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(part, final)
    except UnicodeDecodeError:
        raise InvalidRequest("the text is not UTF-8", code="invalid_text", param="text") from None

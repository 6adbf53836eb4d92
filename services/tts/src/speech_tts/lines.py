"""The body of a request: lines of text that are still being written, or one JSON object."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterable, Callable

from speech_core.contracts.speech import MAX_JSON_BYTES
from speech_core.errors import InvalidRequest, TooLarge


async def read_json(body: AsyncIterable[bytes], *, param: str = "text") -> bytes:
    """All of a body that is small; raises `TooLarge` (text_too_long), and `InvalidRequest` when there is none."""
    held = bytearray()
    async for part in body:
        held += part
        if len(held) > MAX_JSON_BYTES:
            raise TooLarge(f"the body is larger than {MAX_JSON_BYTES} bytes", code="text_too_long", param=param)
    if not held:
        raise InvalidRequest("the body is empty", code="missing_field")
    return bytes(held)


async def only(text: str) -> AsyncGenerator[str]:
    """A text that is all there."""
    yield text


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

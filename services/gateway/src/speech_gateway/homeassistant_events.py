"""What the events of a client of Home Assistant's protocol say."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from speech_core.errors import InvalidRequest

with warnings.catch_warnings():
    # It prefers a module that leaves the standard library, and has its own where that has gone.
    warnings.simplefilter("ignore")
    from wyoming.event import Event
    from wyoming.tts import SynthesizeChunk, SynthesizeVoice


@contextmanager
def said(kind: str) -> Generator[None]:
    """What cannot be read of an event is its sender's mistake."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError):
        raise InvalidRequest(f"this is no `{kind}`", code="invalid_message") from None


def text_of(chunk: Event) -> str:
    """The next piece of what is being written; raises `InvalidRequest`."""
    with said(chunk.type):
        text = SynthesizeChunk.from_event(chunk).text
        text.encode()  # what is no text, or cannot be sent
        return text


def voice_of(asked: SynthesizeVoice | None) -> dict[str, str]:
    """As the socket of tts is asked for it."""
    if asked is None:
        return {}
    named = {"voice": asked.name, "language": asked.language}
    return {name: value for name, value in named.items() if value}

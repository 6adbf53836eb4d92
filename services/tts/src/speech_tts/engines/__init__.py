"""What a synthesizer must do; all the rest is ours."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

from speech_core.audio import AudioFormat, Pcm

# What others, Whisper among them, call these languages.
_TAGS = {"cmn": "zh", "nb": "no", "iw": "he", "jw": "jv"}


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of an engine: its *language* (BCP 47, `en-US`) and the format of its sound."""

    engine: str
    name: str
    language: str
    format: AudioFormat

    @property
    def id(self) -> str:
        """`piper/en_US-joe-medium`: no other engine has it."""
        return f"{self.engine}/{self.name}"


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many calls of an engine may run at once, and how many of them for one utterance: more than it can speak."""

    total: int
    ahead: int = 1


class Engine(Protocol):
    """
    Blocking by design: it is called in worker threads only, *lanes* at once.

    `synthesize` takes a piece of text and yields its sound in the voice's format, each part a phrase by itself; closing
    the generator stops the work. An engine with lanes ahead begins when it is called. An engine is made by calling its
    class with the settings, which loads and warms it up.
    """

    @property
    def voices(self) -> Mapping[str, Voice]: ...

    @property
    def lanes(self) -> Lanes: ...

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]: ...

    def close(self) -> None: ...


def language_tag(name: str) -> str:
    """A language as one BCP 47 tag, whoever named it: `en-us` is `en-US`, `cmn` is `zh`, `iw` is `he`."""
    first, *rest = name.split("-")
    first = _TAGS.get(first, first)
    return "-".join([first, *(part.upper() if len(part) == 2 else part for part in rest)])

"""What a synthesizer must do; all the rest is ours."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

from speech_core.audio import AudioFormat, Pcm


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of an engine: its *language* (BCP 47, `en-US`) and the format of its sound."""

    name: str
    language: str
    format: AudioFormat


class Engine(Protocol):
    """
    Blocking by design: it is called in worker threads only.

    `synthesize` yields sound of the voice's format as it is made; closing the generator stops the work. An engine is
    made by calling its class with the settings, which loads and warms it up.
    """

    @property
    def name(self) -> str: ...

    @property
    def voices(self) -> Mapping[str, Voice]: ...

    def synthesize(self, text: str, *, voice: str, speed: float) -> Generator[Pcm]: ...

    def close(self) -> None: ...

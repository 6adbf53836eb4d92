"""
How text becomes sound. Read top to bottom:

text - sentences.split - engine.synthesize - pull - encode - bytes
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter

from speech_core.audio import Pcm
from speech_core.codec.encode import Encoder
from speech_core.errors import DeadlineExceeded, InvalidRequest, SpeechError, TooLarge, Unavailable
from speech_core.pipeline.pull import pull
from speech_core.service.metrics import Metrics
from speech_tts.engines import Engine, Voice
from speech_tts.sentences import split
from speech_tts.settings import TtsSettings
from speech_tts.voices import Voices

# Control characters end a text for some engines and break others.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def nothing_to_speak() -> InvalidRequest:
    """What a text of dots and dashes is answered with, by every way in."""
    return InvalidRequest("there is nothing to speak in this text", code="empty_text", param="text")


@dataclass(frozen=True, slots=True)
class Speech:
    """One utterance, checked: *voice* exists and *speed* is within bounds."""

    voice: Voice
    speed: float


class Pipeline:
    """An engine with its voices, and as many threads as there are seats."""

    def __init__(self, engine: Engine, settings: TtsSettings, metrics: Metrics) -> None:
        self.engine = engine
        self.voices = Voices(engine)
        self._max_text_characters = settings.max_text_characters
        self._timeout_seconds = settings.synthesis_timeout_seconds
        self._metrics = metrics
        self._threads = CapacityLimiter(settings.seats)

    def check_text(self, text: str) -> str:
        """Raises `TooLarge` (text_too_long) and `InvalidRequest` (empty_text)."""
        if len(text) > self._max_text_characters:
            raise TooLarge(
                f"the text has {len(text)} characters, more than {self._max_text_characters}",
                code="text_too_long",
                param="text",
            )
        if not text.strip():
            raise InvalidRequest("`text` is empty", code="empty_text", param="text")
        return text

    async def speak(self, text: str, speech: Speech, *, operation: str, opens: bool = True) -> AsyncGenerator[Pcm]:
        """
        Sound of *text*, a piece at a time: the next one is made once the last one was taken.

        *opens* says that its first piece is the first that the listener hears.
        """
        pieces, started_seconds = self._pieces(split(text), speech), anyio.current_time()
        async with aclosing(pull(pieces, limiter=self._threads)) as chunks:
            async for pcm in chunks:
                elapsed_seconds = anyio.current_time() - started_seconds
                if elapsed_seconds > self._timeout_seconds:
                    raise DeadlineExceeded(f"the text was not spoken within {self._timeout_seconds:g} s")
                if opens:
                    self._metrics.first_audio(operation, self.engine.name, elapsed_seconds)
                    opens = False
                self._metrics.audio("out", "synthesized", pcm.seconds)
                yield pcm

    async def encode(
        self, lines: AsyncIterator[str], speech: Speech, encoder: Encoder, *, operation: str
    ) -> AsyncGenerator[bytes]:
        """All *lines* as one file, each spoken as soon as it is there; raises `InvalidRequest` when nothing sounds."""
        opens = True
        async for line in lines:
            async with aclosing(self.speak(line, speech, operation=operation, opens=opens)) as sound:
                async for pcm in sound:
                    opens = False
                    if data := encoder.encode(pcm):
                        yield data
        if opens:
            raise nothing_to_speak()
        if tail := encoder.flush():
            yield tail

    def _pieces(self, texts: Iterable[str], speech: Speech) -> Generator[Pcm]:
        """Blocking: the engine's sound for each text in turn; its failures in our words."""
        try:
            for text in texts:
                if speakable := _CONTROL.sub(" ", text).strip():
                    yield from self.engine.synthesize(speakable, voice=speech.voice.name, speed=speech.speed)
        except SpeechError:
            raise
        except Exception as error:
            raise Unavailable("the engine failed on this text", code="engine_failed", param="text") from error

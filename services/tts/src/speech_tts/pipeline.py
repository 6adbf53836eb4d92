"""
How text becomes sound. Read top to bottom:

text - sentences.split - wording.spoken - engine.synthesize - seams.join - pull - encode - bytes
"""

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter, to_thread

from speech_core.audio import Pcm
from speech_core.codec.encode import Encoder
from speech_core.errors import DeadlineExceeded, InvalidRequest, SpeechError, TooLarge, Unavailable
from speech_core.pipeline.pull import pull
from speech_core.service.metrics import Metrics
from speech_tts.engines import Engine, Voice
from speech_tts.seams import Seams
from speech_tts.sentences import split
from speech_tts.settings import TtsSettings
from speech_tts.turns import Turns
from speech_tts.voices import Voices
from speech_tts.wording import spoken

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
    """Engines with their voices, and as many threads as there are seats."""

    def __init__(self, engines: Sequence[Engine], settings: TtsSettings, metrics: Metrics) -> None:
        self.voices = Voices(engines, settings.voice_aliases)
        self._engines = {voice.engine: engine for engine in engines for voice in engine.voices.values()}
        self._turns = {name: Turns(engine.lanes.total) for name, engine in self._engines.items()}
        self._settings = settings
        self._metrics = metrics
        self._threads = CapacityLimiter(settings.seats)

    def stuck(self) -> bool:
        """Whether an engine has been at one phrase for longer than it may; any thread may ask."""
        return any(turns.longest_seconds() > self._settings.synthesis_timeout_seconds for turns in self._turns.values())

    def check_text(self, text: str, *, param: str = "text") -> str:
        """Raises `TooLarge` (text_too_long) and `InvalidRequest` (empty_text)."""
        most = self._settings.max_text_characters
        if len(text) > most:
            message = f"the text has {len(text)} characters, more than {most}"
            raise TooLarge(message, code="text_too_long", param=param)
        if not text.strip():
            raise InvalidRequest(f"`{param}` is empty", code="empty_text", param=param)
        return text

    def begin(self, speech: Speech, *, operation: str) -> "Talk":
        """An utterance of which nothing was said yet."""
        name = speech.voice.engine
        return Talk(
            self._engines[name], speech, self._turns[name], self._threads, self._metrics, self._settings, operation
        )

    async def encode(self, lines: AsyncIterator[str], talk: "Talk", encoder: Encoder) -> AsyncGenerator[bytes]:
        """All *lines* as one file, each spoken as soon as it is there; raises `InvalidRequest` when nothing sounds."""
        async for line in lines:
            async with aclosing(talk.say(split(line))) as sound:
                async for pcm in sound:
                    # Half a second of work for a long phrase: not on the loop.
                    if data := await to_thread.run_sync(encoder.encode, pcm, limiter=self._threads):
                        yield data
        if not talk.audio_seconds:
            raise nothing_to_speak()
        if tail := encoder.flush():
            yield tail


class Talk:
    """One utterance while it is spoken: its seams, its turns among the others, and what was made of it so far."""

    def __init__(
        self,
        engine: Engine,
        speech: Speech,
        turns: Turns,
        threads: CapacityLimiter,
        metrics: Metrics,
        settings: TtsSettings,
        operation: str,
    ) -> None:
        self.audio_seconds = 0.0
        self._engine = engine
        self._speech = speech
        self._turns = turns
        self._threads = threads
        self._metrics = metrics
        self._operation = operation
        self._timeout_seconds = settings.synthesis_timeout_seconds
        pause_seconds = settings.sentence_pause_seconds / speech.speed
        self._seams = Seams(speech.voice.format, pause_seconds=pause_seconds)
        self._started_seconds = anyio.current_time()

    async def say(self, pieces: Iterable[str]) -> AsyncGenerator[Pcm]:
        """The sound of *pieces*, a phrase at a time: the next one is made once the last one was taken."""
        if not self.audio_seconds:
            self._started_seconds = anyio.current_time()
        phrases = pull(self._phrases(pieces), limiter=self._threads, turn=lambda: self._turns.take(self._due_seconds))
        asked_seconds = anyio.current_time()
        async with aclosing(phrases):
            async for pcm in phrases:
                took_seconds = anyio.current_time() - asked_seconds
                if took_seconds > self._timeout_seconds:
                    raise DeadlineExceeded(f"a phrase was not spoken within {self._timeout_seconds:g} s")
                if not self.audio_seconds:
                    self._metrics.first_audio(self._operation, self._speech.voice.engine, took_seconds)
                self.audio_seconds += pcm.seconds
                self._metrics.audio("out", "synthesized", pcm.seconds)
                yield pcm
                asked_seconds = anyio.current_time()

    @property
    def _due_seconds(self) -> float:
        """When a listener who began at once has heard all that was made."""
        return self._started_seconds + self.audio_seconds

    def _phrases(self, pieces: Iterable[str]) -> Generator[Pcm]:
        """Blocking: the engine's sound for each piece in turn; its failures in our words."""
        making: deque[tuple[str, Generator[Pcm]]] = deque()
        try:
            for piece in pieces:
                text = spoken(_CONTROL.sub(" ", piece).strip(), self._speech.voice.language)
                if any(map(str.isalnum, text)):
                    sound = self._engine.synthesize(text, voice=self._speech.voice, speed=self._speech.speed)
                    making.append((piece, sound))
                if len(making) == self._engine.lanes.ahead:
                    yield from self._joined(*making.popleft())
            while making:
                yield from self._joined(*making.popleft())
        except SpeechError:
            raise
        except Exception as error:
            raise Unavailable("the engine failed on this text", code="engine_failed", param="text") from error
        finally:
            for _, sound in making:
                sound.close()

    def _joined(self, piece: str, sound: Generator[Pcm]) -> Generator[Pcm]:
        try:
            for index, phrase in enumerate(sound):
                yield self._seams.join(phrase, piece, goes_on=index > 0)
        finally:
            sound.close()

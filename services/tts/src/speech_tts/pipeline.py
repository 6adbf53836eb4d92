"""
How text becomes sound. Read top to bottom:

text - sentences.split - wording.spoken - engine.synthesize - seams.join - pull - encode - bytes
"""

import re
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass

import anyio
import structlog
from anyio import CapacityLimiter, to_thread

from speech_core.audio import Pcm
from speech_core.codec.encode import Encoder
from speech_core.errors import DeadlineExceeded, InvalidRequest, SpeechError, TooLarge, Unavailable
from speech_core.pipeline.pull import pull
from speech_core.service.observation import current
from speech_core.service.tracing import Span
from speech_tts.engines import Engine, Voice
from speech_tts.metrics import SynthesisMetrics
from speech_tts.seams import Seams
from speech_tts.sentences import split
from speech_tts.settings import TtsSettings
from speech_tts.turns import Place, Turns
from speech_tts.voices import Voices
from speech_tts.wording import spoken

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

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

    def __init__(self, engines: Sequence[Engine], settings: TtsSettings, metrics: SynthesisMetrics) -> None:
        self.voices = Voices(engines, settings.voice_aliases)
        self._engines = {voice.engine: engine for engine in engines for voice in engine.voices.values()}
        self._turns = {name: Turns(engine.lanes.total) for name, engine in self._engines.items()}
        self._settings = settings
        self._metrics = metrics
        self._threads = CapacityLimiter(settings.seats)
        metrics.observe_queue(lambda: sum(turns.waiting for turns in self._turns.values()))

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
        held_seconds = 0.0
        async for line in lines:
            async with aclosing(talk.say(split(line))) as sound:
                async for pcm in sound:
                    held_seconds += pcm.seconds
                    # Half a second of work for a long phrase: not on the loop.
                    with talk.span.child("encode"):
                        data = await to_thread.run_sync(encoder.encode, pcm, limiter=self._threads)
                    if data:
                        yield data
                        talk.sent(held_seconds)
                        held_seconds = 0.0
        if not talk.audio_seconds:
            raise nothing_to_speak()
        if tail := encoder.flush():
            yield tail
        talk.sent(held_seconds)


class Talk:
    """One utterance while it is spoken: its seams, its turns among the others, and what was made of it so far."""

    def __init__(
        self,
        engine: Engine,
        speech: Speech,
        turns: Turns,
        threads: CapacityLimiter,
        metrics: SynthesisMetrics,
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
        self._observation = current()
        self.span: Span = self._observation.span
        self._timeout_seconds = settings.synthesis_timeout_seconds
        pause_seconds = settings.sentence_pause_seconds / speech.speed
        self._seams = Seams(speech.voice.format, pause_seconds=pause_seconds)
        self._place = Place(anyio.current_time())
        self._sent_seconds = 0.0
        self._computed_seconds = 0.0
        self._waited_ns = 0, 0
        self.span.set({"speech.engine": speech.voice.engine, "speech.voice": speech.voice.id})

    async def say(self, pieces: Iterable[str]) -> AsyncGenerator[Pcm]:
        """The sound of *pieces*, a phrase at a time: the next one is made once the last one was taken."""
        if not self.audio_seconds:
            self._place.since_seconds = anyio.current_time()
        try:
            async with aclosing(pull(self._phrases(pieces), limiter=self._threads, turn=self._turn)) as phrases:
                asked_seconds = time.perf_counter()
                async for pcm in phrases:
                    took_seconds = time.perf_counter() - asked_seconds
                    if took_seconds > self._timeout_seconds:
                        raise DeadlineExceeded(f"a phrase was not spoken within {self._timeout_seconds:g} s")
                    self.audio_seconds += pcm.seconds
                    self._place.made(pcm.seconds, anyio.current_time())
                    self._waited()
                    self._observation.stage = "send"
                    yield pcm
                    self._used(pcm)
                    asked_seconds = time.perf_counter()
        except (GeneratorExit, anyio.get_cancelled_exc_class()):
            self._metrics.wasted(self._computed_seconds)
            raise

    def sent(self, audio_seconds: float) -> None:
        """That much of it has left for the listener."""
        if audio_seconds and not self._sent_seconds:
            waited_seconds = anyio.current_time() - self._place.since_seconds
            self._metrics.first_audio.sent(self._operation, self._speech.voice.engine, waited_seconds, self.span)
            self._observation.first_audio(waited_seconds)
        self._sent_seconds += audio_seconds
        self._observation.fields["audio_seconds"] = round(self._sent_seconds, 3)
        self._metrics.sent(audio_seconds)

    def _waited(self) -> None:
        """The turn that was waited for has brought a phrase; the last one of a text brings none."""
        began_ns, ended_ns = self._waited_ns
        self._metrics.waited(max(0, ended_ns - began_ns) / 1e9, self.span)
        self.span.past("queue wait", began_ns=began_ns, ended_ns=ended_ns)

    def _used(self, pcm: Pcm) -> None:
        """A phrase was taken: what it cost was not in vain."""
        self._metrics.computed(
            self._speech.voice.engine,
            compute_seconds=self._computed_seconds,
            audio_seconds=pcm.seconds,
            span=self.span,
        )
        self._computed_seconds = 0.0

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """A turn among all utterances."""
        self._observation.stage, began_ns = "queue", time.time_ns()
        async with self._turns.take(self._place):
            self._observation.stage, self._waited_ns = "engine", (began_ns, time.time_ns())
            yield

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
            log.exception("engine_failed")
            raise Unavailable("the engine failed on this text", code="engine_failed", param="text") from error
        finally:
            for _, sound in making:
                sound.close()

    def _joined(self, piece: str, sound: Generator[Pcm]) -> Generator[Pcm]:
        """The phrases of one sentence; the first one comes without a look at whether another one follows."""
        index = 0
        with closing(sound):
            while True:
                began_seconds = time.perf_counter()
                making = self.span.child("sentence", {"speech.characters": len(piece), "speech.phrase": index})
                phrase = next(sound, None)
                self._computed_seconds += time.perf_counter() - began_seconds
                if phrase is None:
                    return
                making.set({"speech.audio_seconds": phrase.seconds})
                making.end()
                yield self._seams.join(phrase, piece, goes_on=index > 0)
                index += 1

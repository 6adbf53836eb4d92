"""What is told of an echo that passes: how long the first sound took from the whole recording on, and its lengths."""

from collections.abc import AsyncGenerator

import anyio

from speech_core.service.engine_metrics import FirstAudio
from speech_core.service.observation import current
from speech_gateway.echo.join import Speaker
from speech_gateway.sound_length import SoundLength

OPERATION = "echo"
# Which one of tts's it is, the gateway does not know.
ENGINE = "any"


class Clocked(Speaker):
    """Hands on to *voice*; a first part of sound that leaves while the recording still arrives took no time at all."""

    def __init__(self, voice: Speaker, first_audio: FirstAudio) -> None:
        self._voice = voice
        self._first_audio = first_audio
        self._complete_seconds: float | None = None
        self._length = SoundLength("")
        self._begun = False

    async def listened(self, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The recording, on its way to asr."""
        async for part in body:
            yield part
        self._complete_seconds = anyio.current_time()

    async def begin(self, content_type: str, transcript: str | None) -> None:
        self._length = SoundLength(content_type)
        await self._voice.begin(content_type, transcript)

    async def say(self, part: bytes) -> None:
        await self._voice.say(part)
        self._length.feed(part)
        if not self._begun:
            self._begun = True
            self._sounded()

    def end(self) -> None:
        """It ends, in whatever way."""
        if (seconds := self._length.seconds) is not None:
            current().fields["spoken_seconds"] = seconds

    def _sounded(self) -> None:
        now_seconds, observation = anyio.current_time(), current()
        waited_seconds = now_seconds - (self._complete_seconds or now_seconds)
        self._first_audio.sent(OPERATION, ENGINE, waited_seconds, observation.span)
        observation.first_audio(waited_seconds)

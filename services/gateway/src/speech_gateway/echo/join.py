"""
The join of the two services. Read top to bottom:

bytes - asr (segments as they come) - tts (from the first segment on) - bytes
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from urllib.parse import quote, urlencode

import aiohttp
import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import Request

from speech_core.contracts.transcription import SegmentEvent
from speech_core.errors import InvalidRequest, SpeechError, Unavailable, from_event
from speech_core.service.observation import current
from speech_gateway.accounts import Account, NoAccount
from speech_gateway.echo.events import EventReader
from speech_gateway.upstreams.service import Upstreams

# Segments that asr may be ahead of the speaker; then it waits.
_AHEAD = 64
# Blank lines in between show tts that the text is still being written.
_KEEP_ALIVE_SECONDS = 10.0
_TRANSCRIPT_HEADER_BYTES = 4 * 1024

Lines = MemoryObjectSendStream[str]
Heard = Callable[[SegmentEvent], Awaitable[None]]


class Join:
    """One echo: asr's events in, tts's bytes out."""

    def __init__(self, upstreams: Upstreams, *, recognition: dict[str, str], speech: dict[str, str]) -> None:
        self._upstreams = upstreams
        self._recognition = f"/api/stt/bytes?{urlencode(recognition)}"
        self._speech = speech
        self._broken: SpeechError | None = None
        self._account: Account = NoAccount()
        self._heard_seconds = 0.0

    async def run(self, request: Request, body: AsyncGenerator[bytes] | None, hear: Heard, speak: "Speaker") -> None:
        """Call *hear* with each segment, *speak* with the sound; raises the first error of either service."""
        headers = {"x-request-id": request.state.request_id}
        kept = {name: value for name in ("content-length",) if (value := request.headers.get(name)) is not None}
        asr = self._upstreams.asr
        async with asr.request(
            self._recognition, headers={**headers, **kept, "accept": "text/event-stream"}, body=body
        ) as answer:
            if answer.status != 200:
                raise await asr.refusal(answer)
            self._account = request.state.account
            self._heard_until(float(answer.headers.get("x-audio-seconds", 0)))
            async with aclosing(self._segments(answer)) as segments:
                first = await anext(segments, None)
                if first is None:
                    raise InvalidRequest("there is no speech in this audio", code="no_speech", param="file")
                await self._speak(first, segments, headers, hear, speak)

    async def _speak(
        self,
        first: SegmentEvent,
        segments: AsyncGenerator[SegmentEvent],
        headers: dict[str, str],
        hear: Heard,
        speak: "Speaker",
    ) -> None:
        to_speaker, lines = anyio.create_memory_object_stream[str](_AHEAD)
        failure: SpeechError | None = None
        async with to_speaker, lines, anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear, first, segments, to_speaker, hear)
            try:
                await self._relay(_written(lines), headers, first, speak)
            except SpeechError as error:
                failure = error
            tasks.cancel_scope.cancel()
        if cause := self._broken or failure:
            raise cause

    async def _relay(
        self, text: AsyncGenerator[bytes], headers: dict[str, str], first: SegmentEvent, speak: "Speaker"
    ) -> None:
        tts = self._upstreams.tts
        # Who names no voice hears one that speaks the language of the clip.
        named = self._speech.keys() & {"voice", "language"}
        heard = {"language": first.language} if first.language and not named else {}
        path = f"/api/tts?{urlencode({**self._speech, **heard})}"
        headers = {**headers, "content-type": "text/plain; charset=utf-8"}
        async with tts.request(path, headers=headers, body=text) as answer:
            if answer.status != 200:
                raise await tts.refusal(answer)
            await speak.begin(answer.headers["content-type"], _transcript(first))
            async with aclosing(tts.read(answer)) as parts:
                async for part in parts:
                    await speak.say(part)

    async def _hear(
        self, first: SegmentEvent, segments: AsyncGenerator[SegmentEvent], to_speaker: Lines, hear: Heard
    ) -> None:
        """Hand segments on; what breaks ends the text, and is raised once all of it was spoken."""
        async with to_speaker:
            try:
                await self._hand_on(first, to_speaker, hear)
                async for segment in segments:
                    await self._hand_on(segment, to_speaker, hear)
            except SpeechError as error:
                self._broken = error

    async def _hand_on(self, segment: SegmentEvent, to_speaker: Lines, hear: Heard) -> None:
        await hear(segment)
        self._account.spoke(len(segment.text))
        await to_speaker.send(" ".join(segment.text.split()))

    def _heard_until(self, audio_seconds: float) -> None:
        """Count what was not counted yet: at the beginning it may not be known how long the audio is."""
        if audio_seconds > self._heard_seconds:
            self._account.heard(audio_seconds - self._heard_seconds)
            self._heard_seconds = current().fields["audio_seconds"] = audio_seconds

    async def _segments(self, answer: aiohttp.ClientResponse) -> AsyncGenerator[SegmentEvent]:
        """The segments with words in them; raises what asr tells, or `Unavailable` when it tells no end."""
        reader = EventReader()
        async with aclosing(self._upstreams.asr.read(answer)) as parts:
            async for part in parts:
                for name, content in reader.feed(part):
                    if name == "done":
                        self._heard_until(json.loads(content).get("coverage", {}).get("audio_seconds", 0))
                        return
                    if name == "error":
                        raise from_event(json.loads(content))
                    if name != "segment":
                        continue
                    segment = SegmentEvent.model_validate_json(content)
                    if segment.text.strip():
                        yield segment
        raise Unavailable("asr broke off in the middle", code="upstream_unreachable")


class Speaker:
    """Where the sound goes; both are called by one task, in order."""

    async def begin(self, content_type: str, transcript: str | None) -> None:
        raise NotImplementedError

    async def say(self, part: bytes) -> None:
        raise NotImplementedError


async def _written(lines: MemoryObjectReceiveStream[str]) -> AsyncGenerator[bytes]:
    while True:
        line = ""
        with anyio.move_on_after(_KEEP_ALIVE_SECONDS):
            try:
                line = await lines.receive()
            except anyio.EndOfStream:
                return
        yield f"{line}\n".encode()


def _transcript(first: SegmentEvent) -> str | None:
    """For a clip of one segment: its text, as a header can carry it."""
    encoded = quote(first.text)
    return encoded if first.final and len(encoded) <= _TRANSCRIPT_HEADER_BYTES else None

"""
A TCP listener for Home Assistant: its protocol is Wyoming (recognition, and synthesis while the text is written).

It asks for no key, since the protocol has none: it listens only where a port is set.
"""

import asyncio
import json
import time
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import anyio
import structlog
from anyio import CancelScope

from speech_core.errors import InvalidRequest, SpeechError, Unavailable, from_event
from speech_core.service.middleware import ids
from speech_core.service.observation import Observation, observed
from speech_core.service.operations import Operation
from speech_core.service.shell import Shell
from speech_gateway.homeassistant_events import said, text_of, voice_of
from speech_gateway.homeassistant_info import info
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.service import Upstreams, received

with warnings.catch_warnings():
    # It prefers a module that leaves the standard library, and has its own where that has gone.
    warnings.simplefilter("ignore")
    from wyoming.asr import Transcribe, Transcript
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.error import Error
    from wyoming.event import Event, async_read_event, async_write_event
    from wyoming.info import Describe
    from wyoming.ping import Ping, Pong
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
    )

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

OPERATIONS = RECOGNITION, SYNTHESIS = Operation("wyoming_asr", ""), Operation("wyoming_tts", "")

_SAMPLE_FORMATS = {1: "u8", 2: "s16le", 3: "s24le", 4: "s32le"}
# A chunk is a tenth of a second; what claims more is no client of ours.
_MOST_BYTES = 1 << 20
_EVENTS_AHEAD = 16
_IDLE_SECONDS = 600.0
_MOST_CONNECTIONS = 100

# What is done for one request, by its id.
Work = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def listening(upstreams: Upstreams, shell: Shell, settings: GatewaySettings) -> AsyncGenerator[None]:
    """Serve at the port of the settings while the block runs; then the connections are ended."""
    scopes: set[CancelScope] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with CancelScope() as scope:
            scopes.add(scope)
            try:
                if len(scopes) <= _MOST_CONNECTIONS:
                    await _Conversation(upstreams, shell, reader, writer).run()
            finally:
                scopes.remove(scope)
                writer.close()

    server = await asyncio.start_server(serve, settings.host, settings.wyoming_port)
    try:
        yield
    finally:
        for scope in list(scopes):
            scope.cancel()
        server.close()


class _Bounded:
    """A reader that refuses what is too large, and whoever says nothing for long."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        with anyio.move_on_after(_IDLE_SECONDS):
            return await self._reader.readline()
        return b""

    async def readexactly(self, size: int) -> bytes:
        if not 0 <= size <= _MOST_BYTES:
            raise ValueError(f"{size} bytes are more than {_MOST_BYTES}")
        with anyio.move_on_after(_IDLE_SECONDS):
            return await self._reader.readexactly(size)
        raise ValueError("the rest of the event does not come")


class _Conversation:
    """One connection: events in, events out, one thing after the other."""

    def __init__(
        self, upstreams: Upstreams, shell: Shell, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._upstreams = upstreams
        self._shell = shell
        self._reader = cast("asyncio.StreamReader", _Bounded(reader))
        self._writer = writer
        self._language: str | None = None
        self._left = False
        self._mistake: SpeechError | None = None
        self._arriving, self._events = anyio.create_memory_object_stream[Event](_EVENTS_AHEAD)

    async def run(self) -> None:
        """One loop reads, so that whoever waits for the next event may give up; the other one answers."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read)
            with self._events, suppress(OSError):
                while (event := await self._next()) is not None:
                    await self._answer(event)
            tasks.cancel_scope.cancel()

    async def _read(self) -> None:
        async with self._arriving:
            # JSON that is no event, an event that breaks off, a connection that does: the conversation is over.
            with suppress(LookupError, TypeError, AttributeError, RecursionError, OSError, EOFError):
                while (event := await async_read_event(self._reader)) is not None:
                    await self._arriving.send(event)

    async def _next(self) -> Event | None:
        try:
            return await self._events.receive()
        except anyio.EndOfStream:
            return None

    async def _say(self, event: Event) -> None:
        """Raises `OSError` when the client has left, or has stopped reading."""
        with anyio.fail_after(self._shell.settings.stalled_seconds):
            await async_write_event(event, self._writer)

    async def _answer(self, event: Event) -> None:
        try:
            await self._do(event)
        except (LookupError, TypeError, AttributeError, ValueError):
            await self._say(Error(text=f"this is no `{event.type}`", code="invalid_message").event())

    async def _do(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._say((await info(self._upstreams)).event())
        elif Ping.is_type(event.type):
            await self._say(Pong(text=Ping.from_event(event).text).event())
        elif Transcribe.is_type(event.type):
            self._language = Transcribe.from_event(event).language
        elif AudioStart.is_type(event.type):
            start = AudioStart.from_event(event)
            await self._counted(RECOGNITION, lambda request_id: self._transcribe(start, request_id))
        elif Synthesize.is_type(event.type):
            asked = Synthesize.from_event(event)
            message = {"text": asked.text, **voice_of(asked.voice)}
            await self._counted(SYNTHESIS, lambda request_id: self._synthesize([message], request_id, written=False))
        elif SynthesizeStart.is_type(event.type):
            first = {"type": "append", "text": "", **voice_of(SynthesizeStart.from_event(event).voice)}
            await self._counted(SYNTHESIS, lambda request_id: self._synthesize([first], request_id, written=True))
            await self._say(SynthesizeStopped().event())

    async def _counted(self, operation: Operation, work: Work) -> None:
        """One request with its id, which ends with its answer or with an error that the client is told."""
        request_id = uuid4().hex
        span = self._shell.tracer.begin(operation.name, {}, {"speech.request_id": request_id})
        named = ids(request_id, span)
        with span, observed(Observation(span)) as observation, structlog.contextvars.bound_contextvars(**named):
            started_seconds = time.perf_counter()
            try:
                await self._observed(operation, work, request_id)
            finally:
                seconds = round(time.perf_counter() - started_seconds, 4)
                log.log(observation.log_level, "request", seconds=seconds, **observation.line())

    async def _observed(self, operation: Operation, work: Work, request_id: str) -> None:
        with self._shell.metrics.track(operation.name) as observation, self._shell.drain.enter():
            try:
                if self._shell.drain.draining:
                    raise Unavailable("the gateway is going away", code="draining")
                await work(request_id)
            except SpeechError as error:
                observation.failed(error)
                await self._say(Error(text=error.message, code=error.code).event())
            except OSError:
                observation.cancelled()
                raise

    async def _transcribe(self, start: AudioStart, request_id: str) -> None:
        with said("audio-start"):
            if start.width not in _SAMPLE_FORMATS:
                raise InvalidRequest(f"samples of {start.width} bytes are not known", code="unsupported_format")
            form = {"sr": start.rate, "ch": start.channels, "fmt": _SAMPLE_FORMATS[start.width], "lang": self._language}
            query = urlencode({name: value for name, value in form.items() if value is not None})
        asr = self._upstreams.asr
        async with asr.request(
            f"/api/stt/bytes?{query}", headers={"x-request-id": request_id}, body=self._sound()
        ) as answer:
            if answer.status != 200:
                raise await asr.refusal(answer)
            told = json.loads(b"".join([part async for part in asr.read(answer)]))
        await self._say(Transcript(text=told["text"], language=told.get("language")).event())

    async def _sound(self) -> AsyncGenerator[bytes]:
        """The samples up to their end."""
        while (event := await self._next()) is not None and not AudioStop.is_type(event.type):
            if AudioChunk.is_type(event.type) and event.payload:
                yield event.payload
        if event is None:
            raise ConnectionError("the caller has left")

    async def _synthesize(self, messages: list[dict[str, Any]], request_id: str, *, written: bool) -> None:
        """Speak *messages*; with *written*, what the client goes on to write as well, which is read to its end."""
        failure: Exception | None = None
        self._mistake = None
        async with self._upstreams.tts.socket("/ws/tts", headers={"x-request-id": request_id}) as there:
            for message in messages:
                await there.send_json(message)
            async with anyio.create_task_group() as tasks:
                if written:
                    tasks.start_soon(self._write, there, tasks.cancel_scope)
                try:
                    await self._speak(there)
                except SpeechError as error:
                    failure = error
                except OSError as error:
                    failure = error
                    tasks.cancel_scope.cancel()
        if self._left:
            raise ConnectionError("the caller has left")
        if (failure := self._mistake or failure) is not None:
            raise failure

    async def _write(self, there: aiohttp.ClientWebSocketResponse, scope: anyio.CancelScope) -> None:
        """Chunks of text on their way, up to the stop; the whole text, which is sent beside them, is not needed."""
        while (event := await self._next()) is not None and not SynthesizeStop.is_type(event.type):
            if SynthesizeChunk.is_type(event.type) and self._mistake is None:
                try:
                    await _send(there, {"type": "append", "text": text_of(event)})
                except InvalidRequest as mistake:
                    self._mistake = mistake
        self._left = event is None
        if self._left or self._mistake is not None:
            scope.cancel()
        else:
            await _send(there, {"type": "flush"})

    async def _speak(self, there: aiohttp.ClientWebSocketResponse) -> None:
        """The frames of one utterance."""
        rate = 0
        async for message in received(there):
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._say(AudioChunk(rate, 2, 1, message.data).event())
                continue
            told = json.loads(message.data)
            match told["type"]:
                case "start":
                    rate = told["sample_rate"]
                    await self._say(AudioStart(rate, 2, 1).event())
                case "end":
                    await self._say(AudioStop().event())
                    return
                case "error":
                    raise from_event(told)
                case _:
                    continue
        raise Unavailable("tts broke off in the middle", code="upstream_unreachable")


async def _send(there: aiohttp.ClientWebSocketResponse, message: dict[str, Any]) -> None:
    """Where the other end is gone, the loop that listens to it sees why."""
    with suppress(aiohttp.ClientError, OSError):
        await there.send_json(message)

"""`WS /ws/tts`: utterances in, frames of sound out; one loop receives, one speaks."""

import contextlib
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass

import anyio
from anyio import CancelScope, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect

from speech_core.audio import Pcm
from speech_core.codec.frames import Framer, framer_for
from speech_core.contracts import tts_socket as wire
from speech_core.errors import InvalidRequest, Overloaded, SpeechError
from speech_core.pipeline.ahead import one_ahead
from speech_core.service.intake import draining
from speech_core.service.observation import Observation
from speech_core.service.operations import Operation
from speech_core.service.shell import Shell
from speech_core.service.utterances import Utterance, span_of, uttered
from speech_tts.drafts import Draft
from speech_tts.listener import Listener
from speech_tts.messages import limits, parsed
from speech_tts.pipeline import Pipeline, Speech, Talk, nothing_to_speak
from speech_tts.sentences import Splitter
from speech_tts.settings import TtsSettings

OPERATION = Operation("tts_socket", "/ws/tts", websocket=True)

router = APIRouter()


@router.websocket("/ws/tts")
async def speak(websocket: WebSocket) -> None:
    """See `contracts/tts-socket.*.schema.json`."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol=wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None)
    session = Session(websocket)
    if session.is_one_too_many:
        with session.shell.metrics.track(OPERATION.name) as observation:
            observation.failed(Overloaded("too many sockets; try again"))
        await websocket.close(wire.CLOSE_TRY_AGAIN, "too many sockets; try again")
        return
    await session.run()


@dataclass(frozen=True, slots=True)
class _Order:
    """An utterance in the line: how it is to be spoken, and its text as far as it is written."""

    how: wire.Spoken
    draft: Draft
    number: int
    cancels: int = 0


Queue = MemoryObjectSendStream[_Order]
Waiting = MemoryObjectReceiveStream[_Order]


@dataclass(slots=True)
class _Spoken:
    """What has left of one utterance."""

    talk: Talk
    started_seconds: float
    ahead_seconds: float | None
    audio_seconds: float = 0.0
    first_audio_ms: float | None = None


class Session:
    """One socket: what is being spoken, and what waits."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._pipeline: Pipeline = websocket.state.pipeline
        self._settings: TtsSettings = websocket.state.settings
        self.shell: Shell = websocket.state.shell
        self._listener = Listener(websocket, self.shell.drain)
        self._speaking: CancelScope | None = None
        self._uttering = Observation()
        self._writing: _Order | None = None
        # An order that was made before the last cancel is not spoken, wherever it is by then.
        self._cancels = 0
        self._messages = 0
        self._leaving = False

    @property
    def is_one_too_many(self) -> bool:
        """Sockets have a bound of their own, whatever is spoken on them; utterances have seats."""
        return self.shell.sockets > self._settings.max_sockets

    async def run(self) -> None:
        to_speaker, waiting = anyio.create_memory_object_stream[_Order](self._settings.queued_utterances)
        try:
            async with to_speaker, waiting, anyio.create_task_group() as tasks:
                await self._listener.say(wire.Ready(limits=limits(self._settings)))
                tasks.start_soon(self._receive_loop, to_speaker, waiting, tasks.cancel_scope)
                tasks.start_soon(self._speak_loop, waiting, tasks.cancel_scope)
                tasks.start_soon(self._leave_when_draining, waiting, tasks.cancel_scope)
                tasks.start_soon(self._stop_when_expired)
        except* WebSocketDisconnect:
            pass  # the listener has left or stopped listening: there is nobody to tell

    async def _receive_loop(self, to_speaker: Queue, waiting: Waiting, scope: CancelScope) -> None:
        async with to_speaker:
            while True:
                received = await self._websocket.receive()
                if received["type"] == "websocket.disconnect":
                    self._uttering.leaving()
                    scope.cancel()
                    return
                self._messages += 1
                message: wire.ClientMessage | None = None
                try:
                    match message := parsed(received.get("text")):
                        case wire.Utterance() as utterance:
                            self._queue(self._order(utterance, self._complete(utterance.text)), to_speaker)
                        case wire.Append() as append:
                            await self._append(append, to_speaker)
                        case wire.Flush():
                            self._flush()
                        case wire.Cancel():
                            self._cancel(waiting)
                        case wire.Close():
                            self._end_writing()
                            return
                except SpeechError as error:
                    with self._counted(message) as observation:
                        observation.failed(error)
                        await self._listener.complain(error, self._messages, None)

    async def _speak_loop(self, waiting: Waiting, scope: CancelScope) -> None:
        async for order in waiting:
            await self._utter(order)
            if self._leaving:
                break
        await self._close(scope)

    async def _leave_when_draining(self, waiting: Waiting, scope: CancelScope) -> None:
        await self.shell.drain.wait_settled()
        self._leaving = True
        is_idle = self._speaking is None and waiting.statistics().current_buffer_used == 0
        if is_idle:  # else the other loop leaves, after the utterance in progress
            await self._close(scope)
        self._end_writing()

    async def _stop_when_expired(self) -> None:
        await self.shell.drain.wait_expired()
        if self._speaking is not None:
            self._speaking.cancel()

    async def _close(self, scope: CancelScope) -> None:
        is_draining = self.shell.drain.draining
        await self._websocket.close(wire.CLOSE_DRAINING if is_draining else wire.CLOSE_NORMAL)
        scope.cancel()

    def _order(self, how: wire.Spoken, draft: Draft) -> _Order:
        return _Order(how, draft, self._messages, self._cancels)

    def _complete(self, text: str) -> Draft:
        return Draft(self._pipeline.check_text(text), ended=True)

    def _queue(self, order: _Order, to_speaker: Queue) -> None:
        try:
            to_speaker.send_nowait(order)
        except anyio.WouldBlock:
            raise Overloaded(f"{self._settings.queued_utterances} utterances wait already", param="text") from None

    async def _append(self, append: wire.Append, to_speaker: Queue) -> None:
        """The first one begins an utterance, at its place in the line; so does one of another id after a failure."""
        order = self._writing
        if order is None or (order.draft.ended and append.id not in (None, order.how.id)):
            order = self._order(append, Draft())
            self._queue(order, to_speaker)
            self._writing = order
        await order.draft.append(append.text)

    def _flush(self) -> None:
        if self._writing is None:
            raise InvalidRequest("there is nothing to flush: no `append` came before", code="nothing_to_flush")
        self._end_writing()

    def _end_writing(self) -> None:
        if self._writing is not None:
            self._writing.draft.end()
            self._writing = None

    def _cancel(self, waiting: Waiting) -> None:
        """Stop what is being spoken and written, forget what waits."""
        self._end_writing()
        self._cancels += 1
        with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream):
            while True:
                waiting.receive_nowait()
        if self._speaking is not None:
            self._uttering.leaving()
            self._speaking.cancel()

    async def _utter(self, order: _Order) -> None:
        """One utterance, counted; its failure is an event, and the socket lives on."""
        if order.cancels != self._cancels:
            return
        with self._counted(order.how) as observation:
            self._uttering = observation
            try:
                with self.shell.seats.take():
                    await self._speak(order, observation)
            except SpeechError as error:
                order.draft.end()  # the rest of what is being written goes nowhere
                observation.failed(error)
                await self._listener.complain(error, order.number, order.how.id)
            except (WebSocketDisconnect, anyio.get_cancelled_exc_class()):
                observation.cancelled()
                raise
            except Exception as error:
                observation.failed(error)
                raise

    def _counted(self, message: BaseModel | None) -> AbstractContextManager[Observation]:
        """What is done within the block is one request, in the trace that its *message* names."""
        traceparent = message.traceparent if isinstance(message, wire.Spoken) else None
        span = span_of(self.shell, OPERATION.name, self._websocket, traceparent)
        return uttered(Utterance(self.shell, OPERATION.name, self._websocket, span))

    async def _speak(self, order: _Order, observation: Observation) -> None:
        if self.shell.drain.expired:
            raise draining()
        how = order.how
        voice = self._pipeline.voices.choose(how.voice, how.language)
        framer = framer_for(how.format, voice.format, sample_rate_hz=how.sample_rate)
        talk = self._pipeline.begin(Speech(voice, how.speed), operation=OPERATION.name)
        spoken = _Spoken(talk, anyio.current_time(), how.ahead_seconds)
        with CancelScope() as speaking:
            self._speaking = speaking
            try:
                await self._stream(order, framer, spoken)
            finally:
                self._speaking = None
        if speaking.cancelled_caught and self.shell.drain.expired:
            raise draining()
        if speaking.cancelled_caught:
            self._listener.cut()
            observation.cancelled()
        await self._listener.say(
            wire.End(
                reply_to=order.number,
                id=how.id,
                audio_seconds=round(spoken.audio_seconds, 6),
                first_audio_ms=spoken.first_audio_ms,
                cancelled=speaking.cancelled_caught or None,
            )
        )

    async def _stream(self, order: _Order, framer: Framer, spoken: _Spoken) -> None:
        async with one_ahead(self._sound(order.draft, spoken.talk)) as sound:
            async for pcm in sound:
                if spoken.first_audio_ms is None:
                    await self._listener.say(_start(order, framer))
                with spoken.talk.span.child("encode"):
                    frames = await to_thread.run_sync(framer.push, pcm)
                for frame in frames:
                    await self._send(frame, framer, spoken)
        for frame in framer.flush():
            await self._send(frame, framer, spoken)
        if spoken.first_audio_ms is None:
            raise nothing_to_speak()

    async def _sound(self, draft: Draft, talk: Talk) -> AsyncGenerator[Pcm]:
        """Each piece of the draft as soon as it is complete."""
        splitter = Splitter()
        portions = draft.portions(patience_seconds=self._settings.silent_writer_seconds)
        async with aclosing(portions):
            async for text in portions:
                async with aclosing(talk.say(splitter.feed(text))) as sound:
                    async for pcm in sound:
                        yield pcm
        async with aclosing(talk.say(splitter.flush())) as sound:
            async for pcm in sound:
                yield pcm

    async def _send(self, frame: bytes, framer: Framer, spoken: _Spoken) -> None:
        audio_seconds = framer.seconds(frame)
        await self._listener.play(frame, audio_seconds, ahead_seconds=spoken.ahead_seconds)
        spoken.audio_seconds += audio_seconds
        spoken.talk.sent(audio_seconds)
        if spoken.first_audio_ms is None:
            spoken.first_audio_ms = round(1000 * (anyio.current_time() - spoken.started_seconds), 3)


def _start(order: _Order, framer: Framer) -> wire.Start:
    return wire.Start(reply_to=order.number, id=order.how.id, sample_rate=framer.sample_rate_hz, format=framer.name)

"""`WS /ws/tts`: passed on frame by frame; one loop from the caller, one to the caller."""

import aiohttp
import anyio
from anyio import CancelScope
from fastapi import APIRouter, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect

from speech_core.contracts import tts_socket as wire
from speech_core.contracts.errors import ErrorBody
from speech_core.errors import (
    Overloaded,
    RateLimited,
    SpeechError,
    Unauthenticated,
    Unavailable,
    envelope,
    retry_headers,
)
from speech_core.service.intake import draining
from speech_core.service.operations import Operation
from speech_core.service.shell import Shell
from speech_gateway.accounts import Account
from speech_gateway.routes.utterances import Utterances, parsed
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.service import Upstreams, received

OPERATION = Operation("tts_socket", "/ws/tts", websocket=True)

# How the service begins the messages that matter here; the rest of a message is not looked at.
_START, _END, _ERROR = '{"type":"start"', '{"type":"end"', '{"type":"error"'
# Codes that only a library may put on the wire (RFC 6455, 7.4.1).
_NOT_SENDABLE = frozenset({1005, 1006, 1015})

router = APIRouter()


@router.websocket("/ws/tts")
async def speak(websocket: WebSocket) -> None:
    """See the tts service."""
    shell: Shell = websocket.state.shell
    upstreams: Upstreams = websocket.state.upstreams
    settings: GatewaySettings = websocket.state.settings
    try:
        async with upstreams.tts.socket("/ws/tts", headers={"x-request-id": websocket.state.request_id}) as there:
            offered = websocket.scope.get("subprotocols", [])
            await websocket.accept(subprotocol=wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None)
            if shell.sockets > settings.max_sockets:
                _count(shell, Overloaded("too many sockets; try again"))
                await websocket.close(wire.CLOSE_TRY_AGAIN, "too many sockets; try again")
                return
            await _Passage(websocket, there, shell).run()
    except SpeechError as error:
        _count(shell, error)
        await _refuse(websocket, error)


def _count(shell: Shell, error: SpeechError) -> None:
    """A socket that is not to be had is one request; else its utterances are."""
    with shell.metrics.track(OPERATION.name) as observation:
        observation.failed(error)


async def _refuse(websocket: WebSocket, error: SpeechError) -> None:
    """By HTTP, before the upgrade."""
    await websocket.send_denial_response(JSONResponse(envelope(error), error.status, headers=retry_headers(error)))


class _Passage:
    """Both ends of one socket."""

    def __init__(self, here: WebSocket, there: aiohttp.ClientWebSocketResponse, shell: Shell) -> None:
        self._here = here
        self._there = there
        self._shell = shell
        self._account: Account = here.state.account
        self._utterances = Utterances(shell, OPERATION.name, here)
        self._sent_off: Unauthenticated | None = None
        self._leaving = False

    async def run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._from_caller, tasks.cancel_scope)
                tasks.start_soon(self._to_caller, tasks.cancel_scope)
                tasks.start_soon(self._leave_when_draining, tasks.cancel_scope)
            if (error := self._sent_off) is not None:  # told when nobody else writes any more
                await self._here.send_text(_event_of(error))
                await self._here.close(wire.CLOSE_NOT_ALLOWED, error.message)
        except* WebSocketDisconnect:
            pass  # the caller has left; leaving the block closes the other end
        finally:
            self._utterances.leave()

    async def _from_caller(self, scope: CancelScope) -> None:
        while True:
            message = await self._here.receive()
            if message["type"] == "websocket.disconnect":
                scope.cancel()
                return
            told = parsed(text) if (text := message.get("text")) is not None else None
            try:
                if text is not None:
                    if self._utterances.begins(told):
                        self._account.check()
                    if isinstance(told, wire.Utterance | wire.Append) and not self._utterances.closing:
                        self._account.spoke(len(told.text))
                    await self._there.send_str(self._utterances.asked(text, told))
                else:
                    self._utterances.asked_in_bytes()
                    await self._there.send_bytes(message["bytes"])
            except RateLimited as error:
                self._utterances.refused(told, error)
                await self._here.send_text(_event_of(error))
            except Unauthenticated as error:
                self._utterances.refused(told, error)
                self._sent_off = error
                scope.cancel()
                return
            except (aiohttp.ClientError, OSError):
                return  # the other loop sees the end, and tells why

    async def _to_caller(self, scope: CancelScope) -> None:
        async for message in received(self._there):
            if message.type is aiohttp.WSMsgType.TEXT:
                is_over = await self._send_text(message.data)
                if is_over and self._leaving:
                    break
            elif message.type is aiohttp.WSMsgType.BINARY:
                seconds = self._utterances.heard(message.data)
                # How long it sounds is for the server, which waits for who reads, and cuts off who does not.
                sounds = None if self._shell.drain.draining else seconds
                await self._here.send({"type": "websocket.send", "bytes": message.data, "audio_seconds": sounds})
        await self._close(scope)

    async def _send_text(self, text: str) -> bool:
        """Pass an event on; tells whether the utterance in progress is over with it."""
        is_over = False
        if text.startswith(_START):
            self._utterances.started(text)
        elif text.startswith(_END):
            self._utterances.ended(text)
            is_over = True
        elif text.startswith(_ERROR):
            is_over = self._utterances.failed(text)
        await self._here.send_text(text)
        return is_over

    async def _leave_when_draining(self, scope: CancelScope) -> None:
        await self._shell.drain.wait_settled()
        self._leaving = True
        if self._utterances.in_progress:  # the other loop leaves after it, if it ends in time
            await self._shell.drain.wait_expired()
            await self._break(draining())
        await self._close(scope)

    async def _break(self, error: SpeechError) -> None:
        """The utterance in progress ends with *error*."""
        self._utterances.broken(error)
        await self._here.send_text(_event_of(error))

    async def _close(self, scope: CancelScope) -> None:
        """With the code of the other end, if it has closed; a broken end is told as an error first."""
        code = self._there.close_code or (None if self._there.closed else wire.CLOSE_DRAINING)
        if code is None or code in _NOT_SENDABLE:
            code = wire.CLOSE_OUR_FAULT
            await self._break(Unavailable("tts broke off in the middle", code="upstream_unreachable"))
        else:
            self._utterances.closed()
        await self._here.close(code)
        scope.cancel()


def _event_of(error: SpeechError) -> str:
    event = wire.Error(error=ErrorBody.model_validate(envelope(error)["error"]))
    return event.model_dump_json(exclude_none=True)

"""The other end of a socket, who is told events and sent frames."""

import anyio
from fastapi import WebSocket
from pydantic import BaseModel

from speech_core.contracts import tts_socket as wire
from speech_core.contracts.errors import ErrorBody
from speech_core.errors import SpeechError, envelope
from speech_core.service.drain import Drain
from speech_tts.pace import Pace


class Listener:
    """Sends no faster than the other end takes, and where it asked for that, no faster than it plays."""

    def __init__(self, websocket: WebSocket, drain: Drain) -> None:
        self._websocket = websocket
        self._drain = drain
        self._pace = Pace()

    async def play(self, frame: bytes, audio_seconds: float, *, ahead_seconds: float | None) -> None:
        """Send a frame once it is at most *ahead_seconds* ahead; raises `WebSocketDisconnect`."""
        if ahead_seconds is not None:
            await self._wait(self._pace.early_seconds(audio_seconds, ahead_seconds=ahead_seconds))
        # How long it sounds is for the server, which keeps two seconds on their way at most, unless it is to go.
        sounds = None if self._drain.draining else audio_seconds
        await self._websocket.send({"type": "websocket.send", "bytes": frame, "audio_seconds": sounds})
        self._pace.sent(audio_seconds)

    def cut(self) -> None:
        """It plays no more of what it has."""
        self._pace.cut()

    async def say(self, message: BaseModel) -> None:
        """Send an event."""
        await self._websocket.send_text(message.model_dump_json(exclude_none=True))

    async def complain(self, error: SpeechError, number: int, utterance_id: str | None) -> None:
        """Send an error about the message of that *number*."""
        body = ErrorBody.model_validate(envelope(error)["error"])
        await self.say(wire.Error(reply_to=number, id=utterance_id, error=body))

    async def _wait(self, seconds: float) -> None:
        """A service that is to go does not wait: it sends the rest at once."""
        if seconds > 0:
            with anyio.move_on_after(seconds):
                await self._drain.wait_begun()

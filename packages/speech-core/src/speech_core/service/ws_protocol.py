"""WebSocket as uvicorn speaks it, with bounds on what a caller makes it hold, and a line for what is no socket."""

from typing import Any, cast

import structlog
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response

from speech_core.service.request_id import REQUEST_ID_HEADER, request_id_of
from speech_core.service.sound_window import SoundWindow

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Of one message, which is 64 KiB at most: pieces that are empty would cost nothing of that.
_MOST_FRAGMENTS = 1_024


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """
    Answers no ping of a caller who does not read, and closes with 1009 on a message in thousands of pieces.

    A `websocket.send` with `audio_seconds` waits until the caller has read all but a window of the sound before it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accept = self.conn.accept
        self.conn.accept = self._judged
        self._window = SoundWindow(self._ping, self._is_unheard)

    async def send(self, message: ASGISendEvent) -> None:
        """Who was cut off, for a ping that was not answered, has left: it is no mistake of the application's."""
        audio_seconds: float | None = cast("dict[str, Any]", message).get("audio_seconds")
        if audio_seconds is not None:
            await self._window.room()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if audio_seconds is not None:
            self._window.sent(audio_seconds)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._window.look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._window.look_again()

    def shutdown(self) -> None:
        super().shutdown()
        self._window.look_again()

    def handle_pong(self, event: Frame) -> None:
        """One about sound shows as well as any other that the other end reads."""
        if self._window.answered(bytes(event.data)) and self.pending_ping_payload is not None:
            event = Frame(Opcode.PONG, self.pending_ping_payload)
        super().handle_pong(event)

    def send_keepalive_ping(self) -> None:
        """With one about sound behind it: who answers the last of several pings alone answers both."""
        super().send_keepalive_ping()
        if self.pending_ping_payload is not None:
            self._window.ask()

    def keepalive_timeout(self) -> None:
        """Whose messages are not read may have answered behind them."""
        if self.read_paused:
            self.pong_timer = None
            self.schedule_ping()
        else:
            super().keepalive_timeout()
            self._window.look_again()

    def _is_unheard(self) -> bool:
        return self.read_paused or self.close_sent or self.transport.is_closing()

    def _ping(self, payload: bytes) -> None:
        self.conn.send_ping(payload)
        self.transport.write(b"".join(self.conn.data_to_send()))

    def handle_ping(self) -> None:
        pong = self.conn.data_to_send()
        if self.writable.is_set():  # RFC 6455, 5.5.3: the last ping may stand for those before it
            self.transport.write(b"".join(pong))

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:  # the rest of a packet of which the first pieces were too many
            return
        if len(self.frames) < _MOST_FRAGMENTS:
            super().handle_cont(event)
            return
        self.conn.send_close(CloseCode.MESSAGE_TOO_BIG)
        self.handle_parser_exception()

    def _judged(self, request: Request) -> Response:
        """The answer to an upgrade; one that is none never reaches the application, which writes the other lines."""
        response = self._accept(request)
        if response.status_code != 101:
            request_id = request_id_of(next(iter(request.headers.get_all(REQUEST_ID_HEADER)), ""))
            response.headers[REQUEST_ID_HEADER] = request_id
            log.info(
                "request", request_id=request_id, method="WEBSOCKET", path=request.path.partition("?")[0],
                status=response.status_code, completed=True, outcome="client_error", code="bad_handshake",
            )  # fmt: skip
        return response

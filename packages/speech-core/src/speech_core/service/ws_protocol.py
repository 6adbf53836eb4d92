"""WebSocket as uvicorn speaks it, with bounds on what a caller makes it hold, and a line for what is no socket."""

import asyncio
import re
from typing import Any, cast

import structlog
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import HeaderLineTooLong, RequestLineTooLong, TooManyHeaders
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response

from speech_core.service.request_id import REQUEST_ID_HEADER, request_id_of
from speech_core.service.sound_window import SoundWindow

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(rb"^" + REQUEST_ID_HEADER.encode() + rb":[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
# What the server takes and the library does not; all else is a bad request.
_LARGE: dict[type[Exception], tuple[int, str]] = {
    RequestLineTooLong: (414, "URI Too Long"),
    HeaderLineTooLong: (431, "Request Header Fields Too Large"),
    TooManyHeaders: (431, "Request Header Fields Too Large"),
}
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
        if audio_seconds is not None and not (self._window.is_open and self.writable.is_set()):
            await self._read_on()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if audio_seconds is not None:
            self._window.sent(audio_seconds)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if (mistake := self.conn.handshake_exc) is not None and not self.handshake_initiated:
            self._refuse(data, mistake)
        self._window.look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._window.look_again()

    def shutdown(self) -> None:
        """Who was told that the socket closes has the server's last seconds to read up to there."""
        if self.close_sent:
            self.stop_keepalive()
        else:
            super().shutdown()
        self._window.look_again()

    async def _read_on(self) -> None:
        """Wait until the caller has read enough for more; one who reads nothing for too long is cut off."""
        try:
            async with asyncio.timeout(self.ping_timeout):
                await self._window.opened()
                await self.writable.wait()
        except TimeoutError:
            super().keepalive_timeout()
            raise ClientDisconnected from None

    def handle_pong(self, event: Frame) -> None:
        """One by which more sound was read shows as well as any other that the other end reads."""
        before_seconds = self._window.read_seconds
        if self._window.answered(bytes(event.data)):
            if self._window.read_seconds == before_seconds or self.pending_ping_payload is None:
                return
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
            _log(request_id, request.path, response.status_code)
        return response

    def _refuse(self, head: bytes, mistake: Exception) -> None:
        """A *head* that is a request to the server, but none to the library of sockets, which says nothing of it."""
        status, reason = _LARGE.get(type(mistake), (400, "Bad Request"))
        given = _REQUEST_ID.search(head)
        request_id = request_id_of(given[1].decode("latin-1") if given else "")
        lines = (f"HTTP/1.1 {status} {reason}", f"{REQUEST_ID_HEADER}: {request_id}", "connection: close")
        self.transport.write("\r\n".join((*lines, "content-length: 0", "", "")).encode("ascii"))
        self.handshake_complete = self.close_sent = True
        self.transport.close()
        _log(request_id, head.split(b" ", 2)[1].decode("latin-1"), status)


def _log(request_id: str, target: str, status: int) -> None:
    log.info(
        "request", request_id=request_id, method="WEBSOCKET", path=target.partition("?")[0],
        status=status, completed=True, outcome="client_error", code="bad_handshake",
    )  # fmt: skip

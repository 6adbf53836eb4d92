"""HTTP/1.1 as uvicorn speaks it, with bounds on the head of a request: bytes, and seconds."""

import re
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from speech_core.service.http10 import UnchunkedCycle
from speech_core.service.refusal import DISCARD_BYTES, DISCARD_SECONDS
from speech_core.service.request_id import REQUEST_ID_HEADER, request_id_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
# A listener that stops reading must be felt within seconds of speech: the kernel's default takes a minute of it.
SEND_BUFFER_BYTES = 64 * 1024

# Requests behind one in progress; while more wait, nothing is read, and nobody is seen to leave.
_MOST_QUEUED = 8

# The answers to what is no request yet. An application sees none of them: their log line is written here.
_REASONS = {400: "Bad Request", 431: "Request Header Fields Too Large"}

# An upgrade that is not known is to be ignored (RFC 9110, 7.8), and the parser takes any for the end of HTTP: curl and
# the client of Java ask for h2c. A line that comes in two packets is not found.
_OTHER_UPGRADE = re.compile(rb"\r\nupgrade:(?![ \t]*websocket)[^\r\n]*(?=\r\n)", re.IGNORECASE)


class BoundedHttpProtocol(HttpToolsProtocol):
    """
    Answers 431 to a head above 64 KiB, 400 to what is no HTTP, and hangs up on a head that takes longer than 10 s.

    Each is a line in the log, as a request is; a connection on which nothing was said is none. What is left of a body
    once it was answered is read within bounds, as that of a refused one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._in_body = False
        self._begun_seconds: float | None = None
        self._flooded = False
        # Of the head that is awaited, or of the rest of a body that was answered.
        self._timer: TimerHandle | None = None
        self._rest_bytes = 0
        self._cycles: list[RequestResponseCycle] = []

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
        transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES // 2)
        self._start_timer(HEAD_SECONDS, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._in_head and self._begun_seconds is not None:
            self._log(self._request_id(), None, outcome="cancelled")
        for cycle in self._cycles:  # the server tells the last one alone
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._flooded:
            return
        if self._in_head:
            self._head_bytes += len(data)
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _OTHER_UPGRADE.sub(b"", head + end) + rest
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._flooded = True
        if self._flooded:
            self._refuse(431, "head_too_large")

    def send_400_response(self, msg: str) -> None:
        if self._in_body:  # that request has its own line, and may have begun its answer
            super().send_400_response(msg)
        else:
            self._refuse(400, "malformed_http")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._begun_seconds = self.loop.time()
        if self._timer is None:
            self._head_bytes = 0
            self._start_timer(HEAD_SECONDS, self._hang_up)

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self._stop_timer()
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES:
            self._flooded = True
        if self._flooded:
            return
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        if getattr(self.cycle, "scope", None) is not self.scope:  # it is an upgrade
            return
        self._cycles = [*(cycle for cycle in self._cycles if not cycle.response_complete), self.cycle]
        if 0 < len(self.pipeline) <= _MOST_QUEUED:
            self.flow.resume_reading()
        if self.scope["http_version"] == "1.0":
            self.cycle.__class__ = UnchunkedCycle  # which holds the same; the server has no place to name it
            self.cycle.waiting_for_100_continue = False  # RFC 9110, 10.1.1

    def handle_websocket_upgrade(self) -> None:
        if not self._flooded:
            super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        if self._flooded:
            return
        if self.cycle.response_complete:
            self._rest_bytes += len(body)
            if self._rest_bytes > DISCARD_BYTES:
                self.transport.close()
        if not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment]  # to which a part is added, and taken from, without a copy
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._begun_seconds = False, None
        self._stop_timer()
        if not self._flooded:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._rest_bytes = 0
            self._start_timer(DISCARD_SECONDS, self.transport.close)

    def _start_timer(self, seconds: float, then: Callable[[], None]) -> None:
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._begun_seconds is not None:
            self._log(self._request_id(), None, outcome="client_error", code="head_timeout")
        self.transport.close()

    def _refuse(self, status: int, code: str) -> None:
        """With a bare answer, unless it would be taken for that of a request before it; then the connection ends."""
        request_id = self._request_id()
        self._stop_timer()
        if getattr(self.cycle, "response_complete", True):
            head = (f"HTTP/1.1 {status} {_REASONS[status]}", f"{REQUEST_ID_HEADER}: {request_id}", "connection: close")
            self.transport.write("\r\n".join((*head, "content-length: 0", "", "")).encode("ascii"))
        self.transport.close()
        self._log(request_id, status, outcome="client_error", code=code)

    def _request_id(self) -> str:
        """The caller's, where it had come by then."""
        headers = self.headers if self.headers and self._in_head else []
        given = next((value for name, value in headers if name == REQUEST_ID_HEADER.encode()), b"")
        return request_id_of(given.decode("latin-1"))

    def _log(self, request_id: str, status: int | None, **told: str) -> None:
        """Once."""
        begun_seconds = self.loop.time() if self._begun_seconds is None else self._begun_seconds
        seconds, self._begun_seconds = round(self.loop.time() - begun_seconds, 4), None
        log.info("request", request_id=request_id, status=status, completed=False, seconds=seconds, **told)

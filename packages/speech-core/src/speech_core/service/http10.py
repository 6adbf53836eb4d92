"""HTTP/1.0, which knows neither chunks nor `100 Continue`: a body of unknown length ends with the connection."""

import struct
from socket import SO_LINGER, SOL_SOCKET

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# How a connection is closed: by a reset, or in order.
_RESET, _ORDERLY = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)


class UnchunkedCycle(RequestResponseCycle):
    """
    One request and its answer (RFC 9112, 6.3), where the server's own would answer in chunks.

    A body that is cut ends with a reset: an orderly end would make it look whole.
    """

    _until_the_end = False

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            self._until_the_end = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if self._until_the_end:
                self.chunked_encoding = False
                self._end_by(_RESET)
        elif message["type"] == "http.response.body" and self._until_the_end:
            self.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False):
                self._end_by(_ORDERLY)
        await super().send(message)

    def _end_by(self, linger: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)

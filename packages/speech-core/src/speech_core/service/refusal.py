"""How an answer that needs no handler goes out: the envelope, and a bounded look at the rest of the body."""

import json

import anyio
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from speech_core.errors import SpeechError, envelope, retry_headers

# What is read and thrown away so that the connection can be kept: more, and closing it is cheaper for both sides.
DISCARD_BYTES = 32 * 1024 * 1024
DISCARD_SECONDS = 10.0


async def answer(error: SpeechError, send: Send, *, close: bool = False) -> None:
    """Send the envelope of *error* as a whole answer; *close* ends the connection after it."""
    body = await start(error, send, close=close)
    await send({"type": "http.response.body", "body": body})


async def start(error: SpeechError, send: Send, *, close: bool) -> bytes:
    body = json.dumps(envelope(error)).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **retry_headers(error),
        **({"www-authenticate": "Bearer"} if error.status == 401 else {}),
        **({"connection": "close"} if close else {}),
    }
    raw = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    return body


async def refuse(error: SpeechError, scope: Scope, receive: Receive, send: Send) -> None:
    """
    Refuse before the body was read.

    The answer goes out at once; then the body is discarded within bounds, so that a client that writes before it
    reads sees the answer, and the connection lives on where the body's announced length allows it.
    """
    headers = Headers(scope=scope)
    waits = headers.get("expect", "").lower() == "100-continue"
    announced = int(length) if (length := headers.get("content-length", "")).isdigit() else None
    bodiless = announced is None and "transfer-encoding" not in headers
    keep = not waits and (bodiless or (announced is not None and announced <= DISCARD_BYTES))
    body = await start(error, send, close=not keep)
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if not waits and not bodiless:
        await discard(receive)
    await send({"type": "http.response.body", "body": b""})


async def discard(receive: Receive) -> None:
    """Read the rest of a body within bounds: a connection that is closed over unread bytes takes the answer with it."""
    left = DISCARD_BYTES
    with anyio.move_on_after(DISCARD_SECONDS):
        while left > 0:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                return
            left -= len(message.get("body", b""))

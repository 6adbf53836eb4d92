"""An answer that is made while it is sent: fails by status before its first byte, is closed with its caller."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TypeVar, cast

import anyio
import structlog
from anyio import CancelScope
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from speech_core.errors import UNEXPECTED, SpeechError, envelope
from speech_core.service.observation import current

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_KEEP_ALIVE_SECONDS = 15.0

T = TypeVar("T")

_END = object()


class ClosingResponse(StreamingResponse):
    """
    Closes its generator however the answer ends.

    It does not look out for the caller's departure, and so leaves the request's body to the handler: `Intake` does.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.stream_response(send)
        finally:
            if isinstance(body := cast("object", self.body_iterator), AsyncGenerator):
                with CancelScope(shield=True):
                    await body.aclose()


async def begun(parts: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """*parts* with the first one made by now, so that what fails before it is still an ordinary error."""
    resumed = _resumed(parts)
    await anext(resumed)
    return cast("AsyncGenerator[T]", resumed)


async def _resumed(parts: AsyncGenerator[T]) -> AsyncGenerator[T | None]:
    """None once the first one is made; from then on, closing this closes *parts*."""
    async with aclosing(parts):
        first = await anext(parts, _END)
        yield None
        if first is not _END:
            yield cast("T", first)
        async for part in parts:
            yield part


class EventStream(ClosingResponse):
    """
    Server-sent events from (name, JSON) pairs.

    A failure after the first of them is an `error` event, the last one; while nothing happens, a comment goes out
    every 15 s, so that no proxy takes the silence for the end.
    """

    def __init__(self, events: AsyncGenerator[tuple[str, str]], *, headers: Mapping[str, str] | None = None) -> None:
        given = {"cache-control": "no-store", **(headers or {})}
        super().__init__(_told(events), media_type="text/event-stream", headers=given)

    async def stream_response(self, send: Send) -> None:
        lock = anyio.Lock()

        async def keep_alive() -> None:
            while True:
                await anyio.sleep(_KEEP_ALIVE_SECONDS)
                async with lock:
                    await send({"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True})

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_alive)
            async for event in self.body_iterator:
                async with lock:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _told(events: AsyncGenerator[tuple[str, str]]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        try:
            async for name, content in events:
                yield f"event: {name}\ndata: {content}\n\n".encode()
        except Exception as error:  # whatever breaks, the caller is told
            current().failed(error)
            if not isinstance(error, SpeechError):
                log.exception("unexpected_error")
                error = SpeechError(UNEXPECTED)
            content = json.dumps({"type": "error", **envelope(error)})
            yield f"event: error\ndata: {content}\n\n".encode()

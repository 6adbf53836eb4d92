"""Around everything: a request id, one log line a request, and the envelope for what nobody foresaw. Pure ASGI."""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speech_core.errors import SpeechError
from speech_core.service.intake import unwrap
from speech_core.service.refusal import answer

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "x-request-id"
# A caller's id goes into logs and headers: short and harmless, or we make our own.
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET_PATHS = frozenset({"/health"})


class RequestContext:
    """Bind `request_id` for the logs, echo it as a header, and close every request with one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await _Request(self.app, request_id, send).run(scope, receive)


class _Request:
    def __init__(self, app: ASGIApp, request_id: str, send: Send) -> None:
        self._app = app
        self._request_id = request_id
        self._send = send
        self._status: int | None = None
        self._completed = False

    async def run(self, scope: Scope, receive: Receive) -> None:
        started_seconds = time.perf_counter()
        try:
            await self._app(scope, receive, self.send)
        except Exception as error:  # noqa: BLE001 - the edge: every failure gets its answer and its log line
            await self._fail(unwrap(error), scope)
        finally:
            self._log(scope, time.perf_counter() - started_seconds)

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            self._status = message.get("status", 101)
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            headers["x-content-type-options"] = "nosniff"
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._completed = True
        await self._send(message)

    async def _fail(self, error: Exception, scope: Scope) -> None:
        """Answer where that is still possible; else end without completing: the server cuts the connection."""
        if not isinstance(error, SpeechError):
            log.error("unexpected_error", exc_info=error)
            error = SpeechError("something unexpected happened; the request id leads to it in the logs")
        elif self._status is not None:
            log.warning("stream_cut", code=error.code, message=error.message)
        if scope["type"] == "http" and self._status is None:
            await answer(error, self.send)
        elif scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 1011})

    def _log(self, scope: Scope, seconds: float) -> None:
        if scope["path"] in _QUIET_PATHS and self._status == 200:
            return
        log.info(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            status=self._status,
            completed=self._completed or scope["type"] == "websocket",
            seconds=round(seconds, 4),
        )

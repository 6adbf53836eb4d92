"""Around everything: a request id, a span, one log line a request, and the envelope for what nobody foresaw."""

import logging
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speech_core.errors import UNEXPECTED, SpeechError
from speech_core.service.intake import unwrap
from speech_core.service.observation import Observation, observed
from speech_core.service.refusal import answer
from speech_core.service.request_id import REQUEST_ID_HEADER, request_id_of
from speech_core.service.shell import Shell
from speech_core.service.tracing import NO_SPAN, TRACEPARENT, Span, Tracer

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Others have one name in traces (OpenTelemetry, HTTP spans).
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_QUIET_PATHS = frozenset({"/health"})


class RequestContext:
    """
    Bind request and trace id for the logs, answer them as headers, and close every request with one line.

    The span of a socket is that of its upgrade: what is said on it has spans of its own. Pure ASGI.
    """

    def __init__(self, app: ASGIApp, *, shell: Shell) -> None:
        self.app = app
        self.shell = shell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get(REQUEST_ID_HEADER, ""))
        scope.setdefault("state", {})["request_id"] = request_id
        observation = Observation(_span(self.shell.tracer, scope, headers, request_id))
        with (
            observation.span,
            structlog.contextvars.bound_contextvars(**ids(request_id, observation.span)),
            observed(observation),
        ):
            await _Request(self.app, request_id, observation, send).run(scope, receive)


def ids(request_id: str, span: Span) -> dict[str, str]:
    """What every log line of a request names; a trace that is not recorded here may be elsewhere."""
    named = {"request_id": request_id, "trace_id": span.trace_id, "span_id": span.span_id}
    return {name: value for name, value in named.items() if value is not None}


def _span(tracer: Tracer, scope: Scope, headers: Headers, request_id: str) -> Span:
    if scope["path"] in _QUIET_PATHS:
        return NO_SPAN
    method = scope.get("method", "GET")
    is_known = method in _METHODS
    return tracer.begin(
        method if is_known else "HTTP",
        headers,
        {
            "http.request.method": method if is_known else "_OTHER",
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "speech.request_id": request_id,
        },
    )


def _as_get(scope: Scope) -> Scope:
    """What answers GET answers HEAD too; the server leaves the body out (RFC 9110, 9.3.2)."""
    return {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope


class _Request:
    def __init__(self, app: ASGIApp, request_id: str, observation: Observation, send: Send) -> None:
        self._app = app
        self._request_id = request_id
        self._observation = observation
        self._send = send
        self._status: int | None = None
        self._completed = False

    async def run(self, scope: Scope, receive: Receive) -> None:
        started_seconds = time.perf_counter()
        try:
            await self._app(_as_get(scope), receive, self.send)
        except Exception as error:  # noqa: BLE001 - the edge: every failure gets its answer and its log line
            await self._fail(unwrap(error), scope)
        finally:
            self._log(scope, time.perf_counter() - started_seconds)

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            self._begin(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._completed = True
        await self._send(message)

    def _begin(self, message: Message) -> None:
        span, status = self._observation.span, int(message.get("status", 101))
        self._status = status
        if self._observation.operation is None:
            self._observation.answered(status)
        span.set({"http.response.status_code": status})
        headers = MutableHeaders(scope=message)
        headers[REQUEST_ID_HEADER] = self._request_id
        headers["x-content-type-options"] = "nosniff"
        if span.is_recorded and span.traceparent:
            headers[TRACEPARENT] = span.traceparent
        if message["type"] != "http.response.start":
            span.end()

    async def _fail(self, error: Exception, scope: Scope) -> None:
        """Answer where that is still possible; else end without completing: the server cuts the connection."""
        if not isinstance(error, SpeechError):
            log.error("unexpected_error", exc_info=error)
            self._observation.failed(error)
            error = SpeechError(UNEXPECTED)
        elif self._status is not None:
            log.warning("stream_cut", code=error.code, message=error.message)
        if scope["type"] == "http" and self._status is None:
            await answer(error, self.send)
        elif scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 1011})

    def _log(self, scope: Scope, seconds: float) -> None:
        is_quiet = scope["path"] in _QUIET_PATHS
        if is_quiet and self._status == 200:
            return
        log.log(
            # Not ready yet is a state, and no request that failed.
            logging.INFO if is_quiet else self._observation.log_level,
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            status=self._status,
            completed=self._completed or scope["type"] == "websocket",
            seconds=round(seconds, 4),
            **self._observation.line(),
        )

"""A request on a socket: counted, traced and logged as one that comes by itself."""

from collections.abc import Generator
from contextlib import contextmanager

import structlog
from starlette.websockets import WebSocket

from speech_core.service.middleware import ids
from speech_core.service.observation import Observation, current, observed
from speech_core.service.shell import Shell
from speech_core.service.tracing import TRACEPARENT, Span

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def span_of(shell: Shell, operation: str, websocket: WebSocket, traceparent: str | None) -> Span:
    """
    The span of an utterance; *traceparent* is what its message says of its trace.

    Without one it belongs to what the socket's own head names, or is a trace of its own, linked to the upgrade.
    """
    carrier = {TRACEPARENT: traceparent} if traceparent else websocket.headers
    attributes = {"speech.operation": operation, "speech.request_id": websocket.state.request_id}
    span = shell.tracer.begin("utterance", carrier, attributes)
    span.link(current().span)
    return span


class Utterance:
    """One utterance in progress, until its `end`."""

    def __init__(self, shell: Shell, operation: str, websocket: WebSocket, span: Span) -> None:
        self._metrics = shell.metrics
        self._operation = operation
        self.request_id: str = websocket.state.request_id
        self.observation = Observation(span)
        self._started_seconds = self._metrics.begun(operation, self.observation)

    def forget(self) -> None:
        """It was never begun."""
        self._metrics.forgotten(self._operation)

    def end(self) -> None:
        """It has ended as its observation says."""
        observation = self.observation
        seconds = self._metrics.ended(self._operation, observation, self._started_seconds)
        observation.span.set({"speech.outcome": observation.outcome})
        observation.span.end()
        told = {**observation.line(), **ids(self.request_id, observation.span), "seconds": round(seconds, 4)}
        log.log(observation.log_level, "utterance", **told)


@contextmanager
def uttered(utterance: Utterance) -> Generator[Observation]:
    """It is the current request within the block, and ends with it."""
    observation = utterance.observation
    named = ids(utterance.request_id, observation.span)
    try:
        with observed(observation), structlog.contextvars.bound_contextvars(**named):
            yield observation
    finally:
        utterance.end()

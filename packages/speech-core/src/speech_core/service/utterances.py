"""A request on a socket: counted, traced and logged as one that comes by itself."""

from collections.abc import Generator
from contextlib import contextmanager

import structlog
from starlette.websockets import WebSocket

from speech_core.service.middleware import ids
from speech_core.service.observation import Observation, current, observed
from speech_core.service.shell import Shell
from speech_core.service.tracing import Attributes, Span

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_NAME = "utterance"


def span_of(shell: Shell, operation: str, websocket: WebSocket, traceparent: str | None) -> Span:
    """
    The span of an utterance; *traceparent* is what its message says of its trace.

    Without a usable one it belongs to what the socket's own head names, or is a trace of its own; it is linked to the
    upgrade.
    """
    span = shell.tracer.begin(_NAME, websocket.headers, _attributes(operation, websocket), traceparent=traceparent)
    span.link(current().span)
    return span


def span_within(operation: str, websocket: WebSocket) -> Span:
    """The span of what carries no trace of its own, as a frame that is no message: it is part of the upgrade's."""
    return current().span.child(_NAME, _attributes(operation, websocket), kind="server")


def _attributes(operation: str, websocket: WebSocket) -> Attributes:
    return {"speech.operation": operation, "speech.request_id": websocket.state.request_id}


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

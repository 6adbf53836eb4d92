"""The utterances of a relayed socket, seen from in between: the caller begins them, the service ends them in order."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from speech_core.errors import SpeechError, from_event
from speech_core.service.shell import Shell
from speech_core.service.tracing import TRACEPARENT, Span
from speech_core.service.utterances import Utterance, span_of


class Utterances:
    """Each `end` and `error` of the service is one request, and so is the one in progress when the caller leaves."""

    def __init__(self, shell: Shell, operation: str, websocket: WebSocket) -> None:
        self._shell = shell
        self._operation = operation
        self._websocket = websocket
        self._speaking: Utterance | None = None
        self._waiting: deque[Span] = deque()
        self._writing = False
        self._started = False
        self._heard = False
        # A cancel has overtaken it before it had started: whether it was begun, only what comes next can tell.
        self._doubtful = False

    def begins(self, message: Mapping[str, Any]) -> bool:
        """Whether a *message* of the caller asks for another utterance."""
        kind = message.get("type")
        return (kind is None and "text" in message) or (kind == "append" and not self._writing)

    def asked(self, text: str, message: Mapping[str, Any]) -> str:
        """A *message* of the caller, *text* on the wire; gives what is to be sent on."""
        match message.get("type"):
            case None if "text" in message:
                return self._begin(text, message)
            case "append" if not self._writing:
                self._writing = True
                return self._begin(text, message)
            case "flush" | "close":
                self._writing = False
            case "cancel":
                self._writing = False
                self._waiting.clear()
                self._doubtful = self._speaking is not None and not self._started
            case _:
                pass
        return text

    def started(self) -> None:
        """A `start` of the service."""
        if self._doubtful:
            self._forget()
        self._started = True

    def heard(self) -> None:
        """A frame of sound has passed."""
        if not self._heard and self._speaking is not None:
            self._heard = True
            self._speaking.observation.span.event("first audio")

    def ended(self, text: str) -> None:
        """An `end` of the service."""
        told = json.loads(text)
        if self._doubtful and not told.get("cancelled"):
            self._forget()
        utterance = self._answered()
        utterance.observation.fields["audio_seconds"] = told.get("audio_seconds", 0.0)
        if told.get("cancelled"):
            utterance.observation.cancelled()
        utterance.end()
        self._go_on()

    def failed(self, error: SpeechError) -> None:
        """An `error`, of the service or our own."""
        utterance = self._answered()
        utterance.observation.failed(error)
        utterance.end()
        self._go_on()

    def broken(self, text: str) -> None:
        """An `error` of the service."""
        self.failed(from_event(json.loads(text)))

    def leave(self) -> None:
        """The socket is at its end."""
        if self._doubtful:
            self._forget()
        elif self._speaking is not None:
            self._speaking.observation.cancelled()
            self._speaking.end()

    @property
    def speaking(self) -> bool:
        return self._speaking is not None

    def _begin(self, text: str, message: Mapping[str, Any]) -> str:
        given = message.get(TRACEPARENT)
        span = span_of(self._shell, self._operation, self._websocket, given if isinstance(given, str) else None)
        self._waiting.append(span)
        if self._speaking is None:
            self._go_on()
        return json.dumps({**message, **span.headers()}) if span.is_recorded else text

    def _go_on(self) -> None:
        """The next one in the line is in progress."""
        self._started = self._heard = self._doubtful = False
        self._speaking = self._of(self._waiting.popleft()) if self._waiting else None

    def _forget(self) -> None:
        """It was forgotten before it was begun, as what waits is."""
        if self._speaking is not None:
            self._speaking.forget()
        self._go_on()

    def _answered(self) -> Utterance:
        """The one in progress; what the service answers beside it is a request too."""
        return self._speaking or self._of(span_of(self._shell, self._operation, self._websocket, None))

    def _of(self, span: Span) -> Utterance:
        return Utterance(self._shell, self._operation, self._websocket, span)

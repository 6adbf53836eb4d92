"""The utterances of a relayed socket, seen from in between: they are what the service says of the messages it got."""

import json
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket

from speech_core.contracts import tts_socket as wire
from speech_core.errors import SpeechError, from_event
from speech_core.service.shell import Shell
from speech_core.service.tracing import TRACEPARENT, Span
from speech_core.service.utterances import Utterance, span_of, span_within

# The service keeps fewer in its line; what a caller asks for and cancels at once is forgotten here too.
_MOST_ASKED = 64


class Utterances:
    """
    Each `end` and `error` of the service is one request, and so is the one in progress when the caller leaves.

    Messages are numbered as the service numbers them, so that what it says of one is said of the right one.
    """

    def __init__(self, shell: Shell, operation: str, websocket: WebSocket) -> None:
        self._shell = shell
        self._operation = operation
        self._websocket = websocket
        self._messages = 0
        # The spans of messages that ask for an utterance, by number, until the service speaks of a later one.
        self._asked: dict[int, Span] = {}
        self._speaking: tuple[int, Utterance] | None = None
        self._started = False
        self._heard = False
        self._bytes_a_second = 0
        self._cancelled_up_to = 0
        self._writing: tuple[int, str | None] | None = None
        self._writing_failed = False
        self.closing = False

    @property
    def in_progress(self) -> bool:
        """Whether one was asked for, and has neither ended nor failed."""
        return self._speaking is not None

    def begins(self, message: wire.ClientMessage | None) -> bool:
        """Whether a *message* of the caller asks for another utterance."""
        if self.closing:
            return False
        if isinstance(message, wire.Append):
            return self._writing is None or (self._writing_failed and message.id not in (None, self._writing[1]))
        return isinstance(message, wire.Utterance)

    def asked(self, text: str, message: wire.ClientMessage | None) -> str:
        """A *message* of the caller, *text* on the wire, None if it is none; gives what is to be sent on."""
        begins = self.begins(message)
        self._messages += 1
        match message:
            case wire.Append() if begins:
                self._writing, self._writing_failed = (self._messages, message.id), False
            case wire.Cancel():
                self._cancel()
            case wire.Flush() | wire.Close():
                self._writing = None
                self.closing |= isinstance(message, wire.Close)
            case _:
                pass
        return self._ask(text, message) if begins and isinstance(message, wire.Spoken) else text

    def asked_in_bytes(self) -> None:
        """A frame that is no message; the service will say so."""
        self._messages += 1

    def refused(self, message: wire.ClientMessage | None, error: SpeechError) -> None:
        """A *message* of the caller that is not sent on."""
        given = message.traceparent if isinstance(message, wire.Spoken) else None
        utterance = self._of(span_of(self._shell, self._operation, self._websocket, given))
        utterance.observation.failed(error)
        utterance.end()

    def started(self, text: str) -> None:
        """A `start` of the service."""
        told = json.loads(text)
        self._turn_to(self._number(told))
        self._started = True
        self._bytes_a_second = wire.SAMPLE_BYTES.get(told.get("format"), 0) * told.get("sample_rate", 0)

    def heard(self, frame: bytes) -> float:
        """A frame of sound passes; gives how long it sounds."""
        if not self._heard and self._speaking is not None:
            self._heard = True
            self._speaking[1].observation.span.event("first audio")
        return len(frame) / self._bytes_a_second if self._bytes_a_second else wire.PACKET_SECONDS

    def ended(self, text: str) -> None:
        """An `end` of the service."""
        told = json.loads(text)
        utterance = self._turn_to(self._number(told))
        utterance.observation.fields["audio_seconds"] = told.get("audio_seconds", 0.0)
        if told.get("cancelled"):
            utterance.observation.cancelled()
        utterance.end()
        self._go_on()

    def failed(self, text: str) -> bool:
        """An `error` of the service; tells whether it is about the utterance in progress, not another message."""
        told = json.loads(text)
        number = self._number(told)
        is_speaking = self._speaking is not None and number == self._speaking[0]
        if self._writing is not None and number == self._writing[0]:
            # One that found no place in the line is not being written: the next `append` begins another one.
            self._writing, self._writing_failed = (self._writing, True) if is_speaking else (None, False)
        utterance = self._turn_to(number) if is_speaking else self._of(self._span_of(number))
        utterance.observation.failed(from_event(told))
        utterance.end()
        if is_speaking:
            self._go_on()
        return is_speaking

    def broken(self, error: SpeechError) -> None:
        """The service is gone: the one in progress has failed with *error*, what waits was never begun."""
        if self._speaking is not None:
            self._speaking[1].observation.failed(error)
            self._speaking[1].end()
            self._speaking, self._started = None, False

    def closed(self) -> None:
        """The socket closes after what was in progress: what else was asked for has not begun."""
        self._forget()

    def leave(self) -> None:
        """The caller has left."""
        if self._speaking is not None:
            self._speaking[1].observation.cancelled()
            self._speaking[1].end()
            self._speaking = None

    def _ask(self, text: str, message: wire.Spoken) -> str:
        span = span_of(self._shell, self._operation, self._websocket, message.traceparent)
        self._asked[self._messages] = span
        if len(self._asked) > _MOST_ASKED:
            del self._asked[min(self._asked)]
        if self._speaking is None:
            self._go_on()
        return json.dumps({**json.loads(text), TRACEPARENT: span.traceparent}) if span.is_recorded else text

    def _cancel(self) -> None:
        """What waits is forgotten; whether the next one had begun, only what the service says next can tell."""
        self._writing = None
        self._cancelled_up_to = self._messages
        if not self._started:
            self._forget()

    def _go_on(self) -> None:
        """The next one in the line is in progress."""
        self._speaking, self._started = None, False
        if waiting := [number for number in self._asked if number > self._cancelled_up_to]:
            self._turn_to(min(waiting))

    def _turn_to(self, number: int) -> Utterance:
        """The utterance of that message, which is in progress: what was asked for before it is over."""
        if self._speaking is not None and self._speaking[0] == number:
            return self._speaking[1]
        self._forget()
        utterance = self._of(self._span_of(number))
        self._asked = {later: span for later, span in self._asked.items() if later > number}
        self._started = self._heard = False
        self._speaking = number, utterance
        return utterance

    def _forget(self) -> None:
        """It has not begun, as far as can be told."""
        if self._speaking is not None:
            number, utterance = self._speaking
            utterance.forget()
            self._asked[number] = utterance.observation.span
            self._speaking, self._started = None, False

    def _number(self, told: dict[str, Any]) -> int:
        """Of the message that the service speaks of; where it does not say, of the one in progress."""
        number = told.get("reply_to")
        return number if isinstance(number, int) else self._speaking[0] if self._speaking else 0

    def _span_of(self, number: int) -> Span:
        return self._asked.pop(number, None) or span_within(self._operation, self._websocket)

    def _of(self, span: Span) -> Utterance:
        return Utterance(self._shell, self._operation, self._websocket, span)


def parsed(text: str) -> wire.ClientMessage | None:
    """A message of the caller; None for what the service will not take."""
    try:
        return wire.client_message.validate_json(text)
    except ValidationError:
        return None

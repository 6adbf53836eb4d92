"""What is seen of one request: how it ends, where it is, its span, and what its log line says."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from speech_core.errors import Overloaded, SpeechError
from speech_core.service.tracing import NO_SPAN, Span

Outcome = Literal["ok", "client_error", "refused", "cancelled", "failed"]
Stage = Literal["request", "decode", "queue", "engine", "send"]


@dataclass(slots=True, eq=False)
class Observation:
    """
    One request; told by whoever learns something of it, in any thread.

    *outcome* may change until the end; *code* names the error, *stage* is what the request waits for, *left_at* what it
    waited for when its caller left, *fields* are said by its log line.
    """

    span: Span = NO_SPAN
    operation: str | None = None
    outcome: Outcome = "ok"
    code: str | None = None
    stage: Stage = "request"
    left_at: Stage | None = None
    fields: dict[str, str | float] = field(default_factory=dict[str, str | float])

    def answered(self, status: int) -> None:
        """The answer begins; an error that was told says more than its status."""
        if self.code is None:
            self.outcome = "failed" if status >= 500 else "client_error" if status >= 400 else "ok"

    def failed(self, error: Exception) -> None:
        """It ends with *error*, as an answer or in the middle of one."""
        self.outcome = outcome_of(error)
        self.named(error.code if isinstance(error, SpeechError) else SpeechError.code)

    def named(self, code: str) -> None:
        """What it ends with has this *code*; its outcome is known."""
        self.code = code
        if self.outcome in ("failed", "refused"):
            self.span.fail(self.code)
        else:  # a caller's mistake is no error of the server's span (OpenTelemetry, HTTP spans)
            self.span.set({"error.type": self.code})

    def leaving(self) -> None:
        """Its caller leaves; what is in the making may still be made."""
        self.left_at = self.left_at or self.stage

    def cancelled(self) -> None:
        """Nobody waits for it any more."""
        self.leaving()
        self.outcome, self.code = "cancelled", None
        self.span.set({"speech.cancelled": self.left_at or self.stage})

    def first_audio(self, seconds: float) -> None:
        """The first sound has left, *seconds* after the request was complete."""
        self.fields["first_audio_ms"] = round(1000 * seconds, 3)
        self.span.event("first audio", {"speech.first_audio_seconds": seconds})

    @property
    def log_level(self) -> int:
        """Of its line: what is ours to mend stands out."""
        return {"failed": logging.ERROR, "refused": logging.WARNING}.get(self.outcome, logging.INFO)

    def line(self) -> dict[str, str | float]:
        """What the log line says of it."""
        told = {"operation": self.operation, "outcome": self.outcome, "code": self.code}
        return {name: value for name, value in told.items() if value is not None} | self.fields


def outcome_of(error: Exception) -> Outcome:
    """The outcome that an error stands for: on load or while leaving it is a refusal."""
    if not isinstance(error, SpeechError):
        return "failed"
    if isinstance(error, Overloaded) or error.code == "draining":
        return "refused"
    return "failed" if error.status >= 500 else "client_error"


# The request that the running code works for: what is deep inside need not be handed it.
_current: ContextVar[Observation | None] = ContextVar("observation", default=None)


def current() -> Observation:
    """The request in progress; outside of one, a new observation that nobody looks at."""
    return _current.get() or Observation()


@contextmanager
def observed(observation: Observation) -> Generator[Observation]:
    """It is the current one within the block, and in the tasks and threads that are started there."""
    token = _current.set(observation)
    try:
        yield observation
    finally:
        _current.reset(token)

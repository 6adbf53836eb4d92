"""Spans of requests: by OpenTelemetry when an endpoint is set, else nothing of it is imported."""

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType
from typing import Literal, Self

from speech_core.service.settings import SettingsError, otlp_protocol

Value = str | bool | int | float
Attributes = Mapping[str, Value]
Kind = Literal["internal", "client", "server"]

TRACEPARENT = "traceparent"
# W3C Trace Context, 3.2: version, trace id, parent id, flags. An id of zeros is none.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


class Span:
    """A span that nobody records. A real one behaves the same; any thread may use it, and none is ever current."""

    __slots__ = ()

    trace_id: str | None = None
    span_id: str | None = None
    is_recorded: bool = False

    def child(
        self, name: str, attributes: Attributes | None = None, *, kind: Kind = "internal", links: Sequence["Span"] = ()
    ) -> "Span":
        """A span within this one, begun now; *links* are those that it also belongs to."""
        return self

    def past(self, name: str, *, began_ns: int, ended_ns: int) -> None:
        """A span within this one that is over, by the wall clock."""

    def rename(self, name: str, attributes: Attributes) -> None:
        """What it is called is known better now."""

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        """Something happened just now."""

    def link(self, other: "Span") -> None:
        """It belongs to *other* as well."""

    def fail(self, code: str) -> None:
        """What it stands for has failed, by this code."""

    def end(self) -> None:
        """It ends now; a second end is none."""

    def headers(self) -> dict[str, str]:
        """What tells another service that its work belongs to this span, in the headers that the variables name."""
        return {}

    @property
    def traceparent(self) -> str | None:
        """The same in W3C's form, for messages and answers; None when nobody would know it."""
        return None

    @property
    def exemplar(self) -> dict[str, str] | None:
        """How a metric names this trace; None when it cannot be looked up."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.fail(type(error).__name__)
        self.end()


NO_SPAN = Span()


class _Passed(Span):
    """Somebody else's trace, named in our logs and handed on as it came."""

    __slots__ = ("_traceparent", "trace_id")

    def __init__(self, traceparent: str, trace_id: str) -> None:
        self._traceparent = traceparent
        self.trace_id = trace_id

    def headers(self) -> dict[str, str]:
        return {TRACEPARENT: self._traceparent}

    @property
    def traceparent(self) -> str | None:
        return self._traceparent


def is_usable(traceparent: str | None) -> bool:
    """Whether it names a trace."""
    return traceparent is not None and _TRACEPARENT.fullmatch(traceparent) is not None


class Tracer:
    """Begins traces; this one records none."""

    @property
    def dropped(self) -> int:
        """Spans that were not delivered."""
        return 0

    def begin(
        self,
        name: str,
        carrier: Mapping[str, str],
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
    ) -> Span:
        """The span of a request: a child of what *traceparent* names, if it is usable, else of what *carrier* does."""
        for given in (traceparent, carrier.get(TRACEPARENT)):
            if match := _TRACEPARENT.fullmatch(given or ""):
                return _Passed(match[0], match[1])
        return NO_SPAN

    def close(self) -> None:
        """Deliver what waits, within bounds."""


def tracer_for(service: str, version: str) -> Tracer:
    """By the standard variables; raises `SettingsError` where they want what is not installed or not known."""
    protocol = otlp_protocol()
    if protocol is None:
        return Tracer()
    try:
        otlp = import_module("speech_core.service.otlp")
    except ImportError as error:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_ENDPOINT needs the extra otlp of speech-core: {error}") from None
    return otlp.tracer_for(service, version, protocol)

"""The numbers of one service, in Prometheus' terms; every label set exists at zero from the start."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

Outcome = Literal["ok", "client_error", "refused", "cancelled", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "client_error", "refused", "cancelled", "failed")
Direction = Literal["in", "out"]
Kind = Literal["received", "transcribed", "silent", "failed", "synthesized"]
KINDS: tuple[tuple[Direction, Kind], ...] = (
    ("in", "transcribed"),
    ("in", "silent"),
    ("in", "failed"),
    ("out", "synthesized"),
)
REFUSALS = ("queue_full", "draining")

# From a tenth of a blink to a file of hours.
_REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
# A listener hears a delay above 0.2 s; 10 ms is the fastest engine.
_FIRST_AUDIO_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)


@dataclass(slots=True)
class Tracked:
    """A request being counted; *outcome* may be changed until it ends."""

    outcome: Outcome = "ok"


def outcome_of(status: int) -> Outcome:
    """The outcome that an answer with this status stands for."""
    if status == 503:
        return "refused"
    if status >= 500:
        return "failed"
    return "client_error" if status >= 400 else "ok"


class Metrics:
    """One registry a service; no label ever holds text, a key or a path."""

    def __init__(self, service: str, operations: Sequence[str]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._service = service
        names, registry = ("service", "operation"), self.registry
        self._requests = Counter("speech_requests", "Requests ended.", (*names, "outcome"), registry=registry)
        self._seconds = Histogram(
            "speech_request_seconds", "Duration of a request.", names, buckets=_REQUEST_SECONDS, registry=registry
        )
        self._in_flight = Gauge("speech_in_flight", "Requests in progress.", names, registry=registry)
        self._capacity = Gauge("speech_capacity", "Seats for requests.", ("service",), registry=registry)
        self._first_audio = Histogram(
            "speech_first_audio_seconds",
            "From the request being complete to the first audio sent.",
            (*names, "engine"),
            buckets=_FIRST_AUDIO_SECONDS,
            registry=registry,
        )
        self._audio = Counter(
            "speech_audio_seconds", "Seconds of audio.", ("service", "direction", "kind"), registry=registry
        )
        self._refused = Counter("speech_refused", "Requests refused.", ("service", "reason"), registry=registry)
        self._cancelled = Counter(
            "speech_cancelled", "Work stopped since the caller left.", ("service", "stage"), registry=registry
        )
        self._start_at_zero(operations)

    def _start_at_zero(self, operations: Sequence[str]) -> None:
        for operation in operations:
            self._seconds.labels(self._service, operation)
            self._in_flight.labels(self._service, operation)
            for outcome in OUTCOMES:
                self._requests.labels(self._service, operation, outcome)
        for direction, kind in KINDS:
            self._audio.labels(self._service, direction, kind)
        for reason in REFUSALS:
            self._refused.labels(self._service, reason)
        self._cancelled.labels(self._service, "request")

    def capacity(self, seats: int) -> None:
        self._capacity.labels(self._service).set(seats)

    @contextmanager
    def track(self, operation: str) -> Generator[Tracked]:
        """Count one request from here to the end of the block; an exception counts as failed."""
        tracked = Tracked()
        in_flight = self._in_flight.labels(self._service, operation)
        in_flight.inc()
        started = time.perf_counter()
        try:
            yield tracked
        except Exception:  # counted, and raised again as it is
            tracked.outcome = "failed" if tracked.outcome == "ok" else tracked.outcome
            raise
        finally:
            in_flight.dec()
            self._requests.labels(self._service, operation, tracked.outcome).inc()
            self._seconds.labels(self._service, operation).observe(time.perf_counter() - started)

    def first_audio(self, operation: str, engine: str, seconds: float) -> None:
        self._first_audio.labels(self._service, operation, engine).observe(seconds)

    def audio(self, direction: Direction, kind: Kind, seconds: float) -> None:
        self._audio.labels(self._service, direction, kind).inc(seconds)

    def refusals(self, *reasons: str) -> None:
        """Reasons that a service has beside those that every one has."""
        for reason in reasons:
            self._refused.labels(self._service, reason)

    def refused(self, reason: str) -> None:
        self._refused.labels(self._service, reason).inc()

    def cancelled(self, stage: str = "request") -> None:
        self._cancelled.labels(self._service, stage).inc()

"""The numbers of one service, in Prometheus' terms; every label set exists at zero from the start."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from speech_core.service.observation import Observation, Outcome, Stage, current

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Direction = Literal["in", "out"]
Kind = Literal["transcribed", "silent", "failed", "synthesized"]
REFUSALS = ("queue_full", "draining")

# From a tenth of a blink to a file of hours.
_REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
# A step on the loop takes a millisecond; what lasts a second is heard by every listener.
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# OpenMetrics would have one more series for each of ours: when it was made.
disable_created_metrics()


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
        self._sockets = Gauge("speech_sockets", "Sockets that are open.", ("service",), registry=registry)
        self._ready = Gauge("speech_ready", "1 when warmed up and not draining.", ("service",), registry=registry)
        self._lag = Histogram(
            "speech_event_loop_lag_seconds",
            "How much later than asked the event loop woke up.",
            ("service",),
            buckets=_LAG_SECONDS,
            registry=registry,
        ).labels(service)
        self._dropped = _SpansDropped(service, registry)
        self._audio = Counter(
            "speech_audio_seconds", "Seconds of audio.", ("service", "direction", "kind"), registry=registry
        )
        self._refused = Counter("speech_refused", "Requests refused.", ("service", "reason"), registry=registry)
        self._cancelled = Counter(
            "speech_cancelled", "Work stopped since the caller left.", ("service", "stage"), registry=registry
        )
        self._reasons: set[str] = set()
        self._stages: set[Stage] = set()
        self._start_at_zero(operations)

    def _start_at_zero(self, operations: Sequence[str]) -> None:
        for operation in operations:
            self._seconds.labels(self._service, operation)
            self._in_flight.labels(self._service, operation)
            for outcome in OUTCOMES:
                self._requests.labels(self._service, operation, outcome)
        self.refusals(*REFUSALS)
        self.stages("request")

    def refusals(self, *reasons: str) -> None:
        """Reasons that a service has beside those that every one has."""
        self._reasons.update(reasons)
        for reason in reasons:
            self._refused.labels(self._service, reason)

    def stages(self, *stages: Stage) -> None:
        """What a request of this service can be waiting for when its caller leaves."""
        self._stages.update(stages)
        for stage in stages:
            self._cancelled.labels(self._service, stage)

    def sounds(self, direction: Direction, *kinds: Kind) -> None:
        """The audio that this service counts."""
        for kind in kinds:
            self._audio.labels(self._service, direction, kind)

    def observe(self, *, sockets: Callable[[], float], ready: Callable[[], float], dropped: Callable[[], int]) -> None:
        """Ask for these at each scrape."""
        self._sockets.labels(self._service).set_function(sockets)
        self._ready.labels(self._service).set_function(ready)
        self._dropped.ask = dropped

    def capacity(self, seats: int) -> None:
        self._capacity.labels(self._service).set(seats)

    @contextmanager
    def track(self, operation: str) -> Generator[Observation]:
        """Count the current request from here to the end of the block; an exception that was not told is a failure."""
        observation = current()
        started_seconds = self.begun(operation, observation)
        try:
            yield observation
        except BaseException as error:
            if observation.outcome == "ok" and isinstance(error, Exception):
                observation.failed(error)
            elif observation.outcome == "ok":
                observation.cancelled()
            raise
        finally:
            self.ended(operation, observation, started_seconds)

    def begun(self, operation: str, observation: Observation) -> float:
        """One more request is in flight; gives the time, for the one who ends it."""
        observation.operation = operation
        self._in_flight.labels(self._service, operation).inc()
        return time.perf_counter()

    def forgotten(self, operation: str) -> None:
        """What was taken for a request was none."""
        self._in_flight.labels(self._service, operation).dec()

    def ended(self, operation: str, observation: Observation, started_seconds: float) -> float:
        """It has ended as the observation says; gives how long it took."""
        seconds = time.perf_counter() - started_seconds
        self._in_flight.labels(self._service, operation).dec()
        self._requests.labels(self._service, operation, observation.outcome).inc()
        self._seconds.labels(self._service, operation).observe(seconds, observation.span.exemplar)
        observation.span.set({"speech.outcome": observation.outcome})
        if observation.outcome == "refused":
            self.refused(observation.code or REFUSALS[0])
        elif observation.outcome == "cancelled":
            stage = observation.left_at if observation.left_at in self._stages else "request"
            self._cancelled.labels(self._service, stage).inc()
        return seconds

    def audio(self, direction: Direction, kind: Kind, seconds: float) -> None:
        self._audio.labels(self._service, direction, kind).inc(seconds)

    def refused(self, reason: str) -> None:
        """A reason that is not known here is another service's word: it makes no series of its own."""
        self._refused.labels(self._service, reason if reason in self._reasons else REFUSALS[0]).inc()

    def lagged(self, seconds: float) -> None:
        self._lag.observe(max(0.0, seconds))


class _SpansDropped(Collector):
    """Counted by the exporter, asked for at each scrape."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        self.ask: Callable[[], int] = int
        registry.register(self)

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(
            "speech_spans_dropped", "Spans of traces that were not delivered.", labels=("service",)
        )
        family.add_metric((self._service,), self.ask())
        return [family]

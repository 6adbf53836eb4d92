"""The numbers of the gateway, beside those that every service has."""

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

from speech_core.service.observation import current

Answered = Literal["answered", "refused", "unreachable"]
_OUTCOMES: tuple[Answered, ...] = ("answered", "refused", "unreachable")
# To the beginning of an answer: of a first sound, or of a file of hours.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class UpstreamMetrics:
    """Told of each attempt; every label set exists at zero from the start."""

    def __init__(self, registry: CollectorRegistry, upstreams: Sequence[str]) -> None:
        self._seconds = Histogram(
            "speech_upstream_seconds",
            "From asking an upstream to the beginning of its answer.",
            ("upstream", "outcome"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            "speech_upstream_retries", "Requests asked again of another address.", ("upstream",), registry=registry
        )
        for upstream in upstreams:
            self._retries.labels(upstream)
            for outcome in _OUTCOMES:
                self._seconds.labels(upstream, outcome)

    def answered(self, upstream: str, outcome: Answered, seconds: float) -> None:
        self._seconds.labels(upstream, outcome).observe(seconds, current().span.exemplar)

    def retried(self, upstream: str) -> None:
        self._retries.labels(upstream).inc()

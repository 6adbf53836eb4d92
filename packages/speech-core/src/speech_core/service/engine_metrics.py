"""The numbers of an engine, whatever it makes: its queue, its speed, what was computed in vain."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from speech_core.service.tracing import Span

# From a GPU that is a hundred times faster than speech to a CPU that cannot keep up.
_REAL_TIME_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5)
_WAIT_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# A listener hears a delay above 0.2 s; 10 ms is the fastest engine.
_FIRST_AUDIO_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)


class EngineMetrics:
    """What *service* counts of its engines; every label set exists at zero as soon as its engines are known."""

    def __init__(self, registry: CollectorRegistry, service: str, *, queued: str) -> None:
        own, by_engine = ("service",), ("service", "engine")
        self._service = service
        self._queued = Gauge("speech_queued", queued, own, registry=registry).labels(service)
        self._wait = Histogram(
            "speech_queue_wait_seconds", "Its wait for the engine.", own, buckets=_WAIT_SECONDS, registry=registry
        ).labels(service)
        self._factor = Histogram(
            "speech_real_time_factor",
            "Compute seconds of an engine for a second of audio.",
            by_engine,
            buckets=_REAL_TIME_FACTORS,
            registry=registry,
        )
        # The mean of the factors weighs a word like half a minute: only sums give the factor of all that was made.
        self._compute = Counter("speech_compute_seconds", "Compute seconds of an engine.", by_engine, registry=registry)
        self._computed = Counter(
            "speech_computed_audio_seconds", "Seconds of audio that came of them.", by_engine, registry=registry
        )
        self._wasted = Counter(
            "speech_wasted_compute_seconds",
            "Compute that came to nothing: the caller had left, or the time was over.",
            own,
            registry=registry,
        ).labels(service)
        self._load = Gauge(
            "speech_model_load_seconds", "How long the model took to load.", ("service", "model"), registry=registry
        )

    def engines(self, *names: str) -> None:
        """Their series begin at zero."""
        for name in names:
            for numbers in (self._factor, self._compute, self._computed):
                numbers.labels(self._service, name)

    def loaded(self, model: str, seconds: float) -> None:
        self._load.labels(self._service, model).set(seconds)

    def observe_queue(self, waiting: Callable[[], float]) -> None:
        """Ask for the length of the line at each scrape."""
        self._queued.set_function(waiting)

    def waited(self, seconds: float, span: Span) -> None:
        self._wait.observe(seconds, span.exemplar)

    def computed(self, engine: str, *, compute_seconds: float, audio_seconds: float, span: Span) -> None:
        """A piece of *audio_seconds* is done."""
        self._compute.labels(self._service, engine).inc(compute_seconds)
        self._computed.labels(self._service, engine).inc(audio_seconds)
        if audio_seconds:
            self._factor.labels(self._service, engine).observe(compute_seconds / audio_seconds, span.exemplar)

    def wasted(self, compute_seconds: float) -> None:
        self._wasted.inc(compute_seconds)


class FirstAudio:
    """How long a listener waits for the first sound, by engine."""

    def __init__(self, registry: CollectorRegistry, service: str, *, operations: Sequence[str]) -> None:
        self._service = service
        self._operations = operations
        self._seconds = Histogram(
            "speech_first_audio_seconds",
            "From the request being complete to the first audible sample sent.",
            ("service", "operation", "engine"),
            buckets=_FIRST_AUDIO_SECONDS,
            registry=registry,
        )

    def engines(self, *names: str) -> None:
        """Their series begin at zero."""
        for operation in self._operations:
            for name in names:
                self._seconds.labels(self._service, operation, name)

    def sent(self, operation: str, engine: str, seconds: float, span: Span) -> None:
        self._seconds.labels(self._service, operation, engine).observe(seconds, span.exemplar)

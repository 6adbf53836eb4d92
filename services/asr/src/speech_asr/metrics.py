"""The numbers of recognition, beside those that every service has."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from speech_asr.scheduler import Ticket

# From a GPU that is a hundred times faster than speech to a CPU that cannot keep up.
_REAL_TIME_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5)
_WAIT_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


class RecognitionMetrics:
    """Told by the scheduler; every label set exists at zero from the start."""

    def __init__(self, registry: CollectorRegistry, *, engine: str, model: str) -> None:
        service = ("service",)
        self._queued = Gauge("speech_queued", "Windows that wait for the engine.", service, registry=registry)
        self._queued_audio = Gauge(
            "speech_queued_audio_seconds", "Audio that was let in and is not recognized.", service, registry=registry
        )
        self._wait = Histogram(
            "speech_queue_wait_seconds", "A window's wait.", service, buckets=_WAIT_SECONDS, registry=registry
        ).labels("asr")
        self._batch = Histogram(
            "speech_batch_size", "Windows in a batch.", service, buckets=_BATCH_SIZES, registry=registry
        ).labels("asr")
        self._factor = Histogram(
            "speech_real_time_factor",
            "Compute seconds of an engine for a second of audio.",
            ("service", "engine"),
            buckets=_REAL_TIME_FACTORS,
            registry=registry,
        ).labels("asr", engine)
        self._wasted = Counter(
            "speech_wasted_compute_seconds",
            "Compute for callers who had left: their share of a batch.",
            service,
            registry=registry,
        ).labels("asr")
        self._load = Gauge(
            "speech_model_load_seconds", "How long the model took to load.", ("service", "model"), registry=registry
        ).labels("asr", model)

    def loaded(self, seconds: float) -> None:
        self._load.set(seconds)

    def observe_queue(self, *, windows: Callable[[], float], audio_seconds: Callable[[], float]) -> None:
        """Ask for the length of the line at each scrape."""
        self._queued.labels("asr").set_function(windows)
        self._queued_audio.labels("asr").set_function(audio_seconds)

    def computed(self, batch: Sequence[Ticket], compute_seconds: float) -> None:
        """A batch has left the engine, whatever came of it."""
        self._batch.observe(len(batch))
        for ticket in batch:
            self._wait.observe(ticket.waited_seconds)
        whole_seconds = sum(ticket.audio_seconds for ticket in batch)
        wasted_seconds = sum(ticket.audio_seconds for ticket in batch if ticket.dropped)
        self._wasted.inc(compute_seconds * wasted_seconds / whole_seconds)

    def recognized(self, ticket: Ticket) -> None:
        """A window is done, after as many calls as it took."""
        self._factor.observe(ticket.compute_seconds / ticket.audio_seconds)

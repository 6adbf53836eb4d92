"""The numbers of recognition, beside those that every service has."""

from collections.abc import Callable, Sequence

from prometheus_client import Gauge, Histogram

from speech_asr.scheduler import Ticket
from speech_core.service.engine_metrics import EngineMetrics
from speech_core.service.metrics import Metrics

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


class RecognitionMetrics(EngineMetrics):
    """Told by the scheduler."""

    def __init__(self, metrics: Metrics, *, engine: str) -> None:
        service, registry = ("service",), metrics.registry
        super().__init__(registry, "asr", queued="Windows that wait for the engine.")
        self._engine = engine
        self.engines(engine)
        self._queued_audio = Gauge(
            "speech_queued_audio_seconds", "Audio that was let in and is not recognized.", service, registry=registry
        ).labels("asr")
        self._batch = Histogram(
            "speech_batch_size", "Windows in a batch.", service, buckets=_BATCH_SIZES, registry=registry
        ).labels("asr")
        metrics.stages("decode", "queue", "engine", "send")
        metrics.sounds("in", "transcribed", "silent", "failed")

    def observe_backlog(self, audio_seconds: Callable[[], float]) -> None:
        """Ask for what is to be recognized at each scrape."""
        self._queued_audio.set_function(audio_seconds)

    def batch(self, batch: Sequence[Ticket]) -> None:
        """A batch has left the engine, whatever came of it."""
        self._batch.observe(len(batch))
        for ticket in batch:
            self.waited(ticket.waited_seconds, ticket.span)

    def ended(self, ticket: Ticket) -> None:
        """A window is done with, after as many calls as it took."""
        if ticket.dropped:
            self.wasted(ticket.compute_seconds)
            return
        self.computed(
            self._engine,
            compute_seconds=ticket.compute_seconds,
            audio_seconds=ticket.audio_seconds if ticket.result else 0.0,
            span=ticket.span,
        )

"""The numbers of synthesis, beside those that every service has."""

from collections.abc import Iterable, Sequence

from speech_core.service.engine_metrics import EngineMetrics, FirstAudio
from speech_core.service.metrics import Metrics


class SynthesisMetrics(EngineMetrics):
    """Told by the pipeline."""

    def __init__(self, metrics: Metrics, operations: Sequence[str]) -> None:
        super().__init__(metrics.registry, "tts", queued="Phrases that wait for the engine.")
        self.first_audio = FirstAudio(metrics.registry, "tts", operations=operations)
        self._metrics = metrics
        metrics.stages("queue", "engine", "send")
        metrics.sounds("out", "synthesized")

    def start(self, engines: Iterable[str]) -> None:
        """The engines are known."""
        names = tuple(engines)
        for name in names:
            self.loaded(name, 0.0)
        self.engines(*names)
        self.first_audio.engines(*names)

    def sent(self, audio_seconds: float) -> None:
        """That much has left."""
        self._metrics.audio("out", "synthesized", audio_seconds)

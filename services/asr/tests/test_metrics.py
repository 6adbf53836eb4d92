"""What the engine's numbers say of windows that came to nothing."""

import pytest

from speech_asr.metrics import RecognitionMetrics
from speech_asr.scheduler import Share, Ticket
from speech_core.service.metrics import Metrics

from .virtual_engine import Step, recognized


@pytest.mark.parametrize(
    ("ending", "compute", "audio", "wasted"),
    [
        ({"result": recognized("words")}, 3, 10, 0),
        ({"error": RuntimeError("broken")}, 3, 0, 0),
        ({"dropped": True}, 0, 0, 3),
    ],
    ids=["recognized", "failed", "dropped"],
)
def test_only_what_was_recognized_counts_as_audio(ending, compute, audio, wasted) -> None:
    metrics = Metrics("asr", [])
    ticket = Ticket(Step("window"), Share(), 10, 0, compute_seconds=3, **ending)

    RecognitionMetrics(metrics, engine="fake").ended(ticket)

    of_engine, told = {"service": "asr", "engine": "fake"}, metrics.registry.get_sample_value
    assert told("speech_compute_seconds_total", of_engine) == compute
    assert told("speech_computed_audio_seconds_total", of_engine) == audio
    assert told("speech_wasted_compute_seconds_total", {"service": "asr"}) == wasted

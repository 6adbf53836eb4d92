from collections.abc import Iterator

import numpy as np
import pytest

from speech_asr.vad import HEARD, WINDOW_SAMPLES, Detector, Window, loud_spans, silero_spans, windows
from speech_core.audio import Pcm

from .conftest import RATE_HZ, silence, tone


def cut(*parts: np.ndarray, detect: Detector = loud_spans) -> list[Window]:
    samples = np.concatenate(parts)

    def chunks() -> Iterator[Pcm]:
        for at in range(0, len(samples), RATE_HZ):
            yield Pcm(samples[at : at + RATE_HZ].tobytes(), HEARD)

    return list(windows(chunks(), detect))


def test_a_short_file_is_one_window_untrimmed() -> None:
    (window,) = cut(silence(1), tone(2), silence(1))

    assert (len(window.samples), window.is_last) == (4 * RATE_HZ, True)
    assert window.speech == ((RATE_HZ, 3 * RATE_HZ),)


def test_a_word_from_edge_to_edge_is_speech_and_a_blip_in_a_long_window_is_not(clip_samples, monkeypatch) -> None:
    word = (clip_samples[: RATE_HZ // 4] * 32_767).astype("<i2")
    blip = silence(1), word[: RATE_HZ // 10], silence(1)

    assert cut(word, detect=silero_spans)[0].speech == ((0, len(word)),)
    assert cut(*blip, detect=silero_spans)[0].speech == ()
    monkeypatch.setattr("speech_asr.vad._LEAST_SPEECH_SAMPLES", 0)
    assert len(cut(*blip, detect=silero_spans)[0].speech) == 1


def test_blips_count_in_the_window_that_they_are_in() -> None:
    blip = tone(0.2)

    first, *_ = cut(silence(5), blip, silence(20), blip, silence(10))

    assert len(first.samples) < 25 * RATE_HZ
    assert first.speech == ()


def test_a_file_of_exactly_thirty_seconds_is_one_window() -> None:
    assert [(len(window.samples), window.is_last) for window in cut(tone(30))] == [(WINDOW_SAMPLES, True)]


def test_a_cut_falls_into_the_pause() -> None:
    first, *_ = cut(tone(20), silence(1), tone(20))

    assert 20 * RATE_HZ < len(first.samples) < 21 * RATE_HZ


def test_without_a_pause_the_cut_falls_near_the_end() -> None:
    first, *_ = cut(tone(70))

    assert 25 * RATE_HZ <= len(first.samples) <= 30 * RATE_HZ


@pytest.mark.parametrize("detect", [loud_spans, silero_spans])
def test_silence_has_no_speech(detect) -> None:
    """Whisper itself hears words in it; the detector that stands before every engine is what gives no text."""
    assert all(window.speech == () for window in cut(silence(65), detect=detect))

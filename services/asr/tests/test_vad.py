from collections.abc import Iterator

import numpy as np
import pytest

from speech_asr.vad import HEARD, WINDOW_SAMPLES, Window, loud_spans, silero_spans, windows
from speech_core.audio import Pcm
from speech_core.codec.decode import DecodeLimits, decode

RATE_HZ = 16_000


def tone(seconds: float) -> np.ndarray:
    return (8_000 * np.sin(np.arange(int(seconds * RATE_HZ)) / 10)).astype("<i2")


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), dtype="<i2")


def cut(*parts: np.ndarray, chunk_seconds: float = 1.0) -> list[Window]:
    samples = np.concatenate(parts)
    step = int(chunk_seconds * RATE_HZ)

    def chunks() -> Iterator[Pcm]:
        for at in range(0, len(samples), step):
            yield Pcm(samples[at : at + step].tobytes(), HEARD)

    return list(windows(chunks(), loud_spans))


def test_a_short_file_is_one_window_untrimmed() -> None:
    (window,) = cut(silence(1), tone(2), silence(1))

    assert (len(window.samples), window.is_last) == (4 * RATE_HZ, True)
    assert window.speech == ((RATE_HZ, 3 * RATE_HZ),)


def test_a_word_from_edge_to_edge_is_speech_and_a_blip_in_a_long_window_is_not(tmp_path, clip, monkeypatch) -> None:
    (tmp_path / "clip").write_bytes(clip)
    chunks = decode(tmp_path / "clip", HEARD, limits=DecodeLimits(60, 1 << 24))
    word = (
        np.concatenate([np.frombuffer(pcm.data, "<i2") for pcm in chunks])[: RATE_HZ // 4].astype(np.float32) / 32_768
    )
    blip = np.concatenate([np.zeros(RATE_HZ, np.float32), word[: RATE_HZ // 10], np.zeros(RATE_HZ, np.float32)])

    assert silero_spans(word) == ((0, len(word)),)
    assert silero_spans(blip) == ()
    monkeypatch.setattr("speech_asr.vad._LEAST_SPEECH_SAMPLES", 0)
    assert len(silero_spans(blip)) == 1


def test_a_file_of_exactly_thirty_seconds_is_one_window() -> None:
    assert [(len(window.samples), window.is_last) for window in cut(tone(30))] == [(WINDOW_SAMPLES, True)]


@pytest.mark.parametrize("chunk_seconds", [0.1, 1.0, 7.3, 100.0])
def test_no_sample_is_lost_or_doubled(chunk_seconds) -> None:
    parts = [tone(13), silence(0.5), tone(25), silence(2), tone(31), silence(40), tone(3)]

    found = cut(*parts, chunk_seconds=chunk_seconds)

    whole = np.concatenate([window.samples for window in found])
    assert np.array_equal(whole, np.concatenate(parts).astype(np.float32) / 32_768)
    assert [window.start_sample for window in found[1:]] == list(
        np.cumsum([len(window.samples) for window in found])[:-1]
    )
    assert all(0 < len(window.samples) <= WINDOW_SAMPLES for window in found)
    assert [window.is_last for window in found] == [False] * (len(found) - 1) + [True]


def test_a_cut_falls_into_the_pause() -> None:
    first, *_ = cut(tone(20), silence(1), tone(20))

    assert 20 * RATE_HZ < len(first.samples) < 21 * RATE_HZ


def test_without_a_pause_the_cut_falls_near_the_end() -> None:
    first, *_ = cut(tone(70))

    assert 25 * RATE_HZ <= len(first.samples) <= 30 * RATE_HZ


def test_silence_has_no_speech() -> None:
    assert all(window.speech == () for window in cut(silence(65)))

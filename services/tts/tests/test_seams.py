import numpy as np
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_tts.seams import Seams, smoothed

FORMAT = AudioFormat(16_000)
# The largest step of a full 400 Hz tone; a click is several times that.
LARGEST_STEP = 1_400


def tone(seconds: float, *, start: float = 0.0) -> np.ndarray:
    return 8_000 * np.sin(2 * np.pi * 400 * (start + np.arange(int(seconds * 16_000)) / 16_000))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 16_000))


def pcm(*parts: np.ndarray) -> Pcm:
    return Pcm(np.concatenate(parts).astype("<i2").tobytes(), FORMAT)


def samples(*parts: Pcm) -> np.ndarray:
    return np.frombuffer(b"".join(part.data for part in parts), "<i2").astype(int)


def test_silence_at_the_ends_of_a_phrase_is_trimmed_but_for_a_breath() -> None:
    trimmed = smoothed(pcm(silence(0.5), tone(1), silence(0.7)))

    assert 1.0 < trimmed.seconds < 1.08


def test_a_pause_inside_a_phrase_stays() -> None:
    assert smoothed(pcm(tone(1), silence(0.5), tone(1))).seconds == pytest.approx(2.5)


def test_what_is_silent_from_end_to_end_is_left_alone() -> None:
    assert smoothed(pcm(silence(0.5))).seconds == 0.5


@pytest.mark.parametrize(
    ("before", "after", "pause_seconds"),
    [
        ("One.", " Two.", 0.5),
        ('"One?"', " Two.", 0.5),
        ("你好。", "再见。", 0.5),
        ("One,", " two.", 0.2),
        ("one", " two.", 0.0),
        ("One.", "\n\nTwo.", 1.0),
    ],
)
def test_the_pause_is_that_of_the_punctuation(before, after, pause_seconds) -> None:
    seams = Seams(FORMAT, pause_seconds=0.5)
    first = seams.join(pcm(tone(1)), before)
    second = seams.join(pcm(tone(1)), after)

    assert (first.seconds, second.seconds) == (pytest.approx(1), pytest.approx(1 + pause_seconds))


def test_within_a_piece_there_is_no_pause() -> None:
    seams = Seams(FORMAT, pause_seconds=0.5)
    seams.join(pcm(tone(1)), "One. Two.")

    assert seams.join(pcm(tone(1)), "One. Two.", goes_on=True).seconds == pytest.approx(1)


def test_no_click_is_heard_where_two_phrases_meet() -> None:
    seams = Seams(FORMAT, pause_seconds=0)
    # A quarter of a period off: without a fade, the step is the whole amplitude.
    phrases = [pcm(tone(0.5, start=1 / 1_600)) for _ in range(4)]

    joined = samples(*(seams.join(phrase, "one") for phrase in phrases))

    assert np.abs(np.diff(joined)).max() < LARGEST_STEP
    assert abs(joined[0]) < LARGEST_STEP

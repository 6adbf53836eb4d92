"""What holds for every file, however it sounds and however it arrives: windows, their coverage, and their segments."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speech_asr.coverage import Coverage
from speech_asr.segments import Decoded, Segment, Word, joined
from speech_asr.vad import HEARD, WINDOW_SAMPLES, Samples, Spans, Window, loud_spans, windows
from speech_core.audio import Pcm

RATE_HZ = 16_000
PAUSE_SAMPLES = RATE_HZ * 160 // 1000
PAD_SAMPLES = RATE_HZ // 10
# Too short for a word.
BLIP_SAMPLES = 3 * RATE_HZ // 10
FIRST_CUT_SAMPLES = WINDOW_SAMPLES // 3
LOUD = 8_000

# Words and monologues with breaths, pauses and long rests between; loud first.
loud = st.one_of(st.integers(1, 2 * RATE_HZ), st.integers(5 * RATE_HZ, 40 * RATE_HZ))
quiet = st.one_of(
    st.integers(1, 2 * RATE_HZ),
    st.integers(PAUSE_SAMPLES - 2, 2 * PAD_SAMPLES + 2),
    st.integers(5 * RATE_HZ, 40 * RATE_HZ),
)
stretches = st.lists(st.tuples(loud, quiet), min_size=1, max_size=6).map(
    lambda pairs: [n for pair in pairs for n in pair]
)
chunk_sizes = st.lists(st.integers(0, 50 * RATE_HZ), min_size=1, max_size=5)


def sound(lengths: Sequence[int]) -> np.ndarray:
    """Loud and silent by turns."""
    samples = np.zeros(sum(lengths), dtype="<i2")
    at = 0
    for index, length in enumerate(lengths):
        if index % 2 == 0:
            samples[at : at + length] = LOUD
        at += length
    return samples


def cut(samples: np.ndarray, sizes: Sequence[int], detect=loud_spans) -> list[Window]:
    """*samples* in chunks of *sizes*, again and again, cut into windows."""

    def chunks() -> Iterator[Pcm]:
        at, turn = 0, 0
        while at < len(samples):
            size = max(1 if turn % len(sizes) == 0 else 0, sizes[turn % len(sizes)])
            # Small ones all the way would take the test minutes.
            size = max(size, RATE_HZ) if turn > 20 else size
            yield Pcm(samples[at : at + size].tobytes(), HEARD)
            at, turn = at + size, turn + 1

    return list(windows(chunks(), detect))


def silences(samples: Samples) -> list[tuple[int, int]]:
    """Runs of zeros that one can hear."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], samples != 0, [1]]).astype("i1")))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in runs if end - start >= PAUSE_SAMPLES]


def padded_spans(samples: Samples) -> Spans:
    """What Silero would tell, if it never erred: what lies between the silences, a little longer on both sides."""
    quiet = silences(samples)
    edges = [0, *(edge for run in quiet for edge in run), len(samples)]
    spans = [list(span) for span in zip(edges[::2], edges[1::2], strict=True) if span[0] < span[1]]
    for first, second in pairwise(spans):
        pad = min(PAD_SAMPLES, (second[0] - first[1]) // 2)
        first[1], second[0] = first[1] + pad, second[0] - pad
    if spans:
        spans[0][0] = max(0, spans[0][0] - PAD_SAMPLES)
        spans[-1][1] = min(len(samples), spans[-1][1] + PAD_SAMPLES)
    return tuple((start, end) for start, end in spans)


@given(stretches, chunk_sizes, st.sampled_from([loud_spans, padded_spans]))
@settings(max_examples=30, deadline=None)
def test_no_sample_is_lost_or_doubled(lengths, sizes, detect) -> None:
    samples = sound(lengths)

    found = cut(samples, sizes, detect)

    assert np.array_equal(np.concatenate([window.samples for window in found]) * 32_768, samples)
    ends = np.cumsum([len(window.samples) for window in found]).tolist()
    assert [window.start_sample for window in found] == [0, *ends[:-1]]
    assert all(0 < len(window.samples) <= WINDOW_SAMPLES for window in found)
    assert [window.is_last for window in found] == [False] * (len(found) - 1) + [True]


@given(stretches, chunk_sizes, st.sampled_from([loud_spans, padded_spans]))
@settings(max_examples=30, deadline=None)
def test_spans_lie_in_their_window_in_order(lengths, sizes, detect) -> None:
    samples = sound(lengths)

    for window in cut(samples, sizes, detect):
        edges = [edge for span in window.speech for edge in span]
        assert edges == sorted(edges)
        assert all(0 <= start < end <= len(window.samples) for start, end in window.speech)
        outside = np.ones(len(window.samples), dtype=bool)
        for start, end in window.speech:
            outside[start:end] = False
        most_samples = 0 if window.speech else BLIP_SAMPLES
        assert np.count_nonzero(window.samples[outside]) <= most_samples or detect is loud_spans


@given(stretches, chunk_sizes)
@example([12 * RATE_HZ, PAUSE_SAMPLES, 40 * RATE_HZ], [RATE_HZ])  # the padded spans touch
@settings(max_examples=30, deadline=None)
def test_a_cut_falls_into_a_pause_where_there_is_one(lengths, sizes) -> None:
    samples = sound(lengths)

    for window in cut(samples, sizes, padded_spans)[:-1]:
        seen = samples[window.start_sample : window.start_sample + WINDOW_SAMPLES]
        end = len(window.samples)
        assert end >= FIRST_CUT_SAMPLES
        if any(start >= FIRST_CUT_SAMPLES for start, _ in silences(seen)):
            assert any(start <= end <= stop for start, stop in silences(seen))


@given(stretches, chunk_sizes, st.lists(st.sampled_from(["transcribed", "silent", "failed"]), min_size=1))
@settings(max_examples=30, deadline=None)
def test_the_coverage_of_all_windows_adds_up(lengths, sizes, fates) -> None:
    samples, whole = sound(lengths), Coverage()

    for index, window in enumerate(cut(samples, sizes)):
        whole.add(Coverage.of(window, fates[index % len(fates)]))

    assert whole.audio_samples == len(samples)
    assert min(whole.transcribed_samples, whole.silent_samples, whole.failed_samples) >= 0


# An engine's clock may run backwards, below zero and far beyond the window; it is a number.
times = st.floats(allow_nan=False)


@given(st.lists(times, min_size=2, max_size=8), st.floats(0, 1e6), st.floats(0, 30), st.integers(0, 3_000))
@settings(max_examples=200, deadline=None)
def test_a_shifted_segment_keeps_its_order_inside_the_window(marks, start_seconds, length_seconds, seek) -> None:
    end_seconds = start_seconds + length_seconds
    marks = sorted(marks)
    words = tuple(Word(start, end, "word", 0.5) for start, end in pairwise(marks))
    segment = Segment(marks[0], marks[-1], "text", words, Decoded(seek, (), 0.0, 0.0, 1.0, 0.0))

    shifted = segment.shifted(start_seconds, end_seconds=end_seconds)

    moved = [edge for word in shifted.words for edge in (word.start_seconds, word.end_seconds)]
    edges = [start_seconds, shifted.start_seconds, *moved, shifted.end_seconds, end_seconds]
    assert edges == sorted(edges)
    assert [word.text for word in shifted.words] == [word.text for word in words]
    assert shifted.decoded.seek >= seek


@given(st.lists(st.text(max_size=20), max_size=10))
@settings(max_examples=100, deadline=None)
def test_no_text_is_lost_when_texts_are_joined(texts) -> None:
    whole = joined([Segment(0, 1, text) for text in texts])

    assert whole.split() == [word for text in texts for word in text.split()]
    assert whole == whole.strip()

"""Where there is speech, and where a file can be cut into windows that the model takes."""

# faster-whisper ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from speech_core.audio import AudioFormat, Pcm

SAMPLE_RATE_HZ = 16_000
HEARD = AudioFormat(SAMPLE_RATE_HZ)
# What Whisper takes at once.
WINDOW_SECONDS = 30
WINDOW_SAMPLES = WINDOW_SECONDS * SAMPLE_RATE_HZ
# A window is cut in its last two thirds: shorter ones would waste the model's fixed cost.
_EARLIEST_CUT_SAMPLES = 10 * SAMPLE_RATE_HZ
# A pause that one can hear between two words; below it, a cut could fall into a stop consonant.
_PAUSE_MILLISECONDS = 160
_PAD_MILLISECONDS = 100
# All speech of a window, padding included: in music the detector finds a blip, and Whisper takes half a minute over it.
_LEAST_SPEECH_SAMPLES = 3 * SAMPLE_RATE_HZ // 10
# Without any pause, the quietest tenth of a second near the end is the least harm.
_QUIET_SAMPLES = SAMPLE_RATE_HZ // 10
_QUIET_SEARCH_SAMPLES = 5 * SAMPLE_RATE_HZ
_LOUD_RMS = 10 ** (-45 / 20)

Samples = NDArray[np.float32]
Spans = Sequence[tuple[int, int]]
Detector = Callable[[Samples], Spans]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """At most 30 s of audio: where it starts in the file, and its spans of speech, in samples."""

    start_sample: int
    samples: Samples
    speech: Spans
    is_last: bool

    @property
    def speech_samples(self) -> int:
        return sum(end - start for start, end in self.speech)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    @property
    def start_seconds(self) -> float:
        return self.start_sample / SAMPLE_RATE_HZ

    @property
    def end_seconds(self) -> float:
        return (self.start_sample + len(self.samples)) / SAMPLE_RATE_HZ


def detector_for(engine: str) -> Detector:
    """Silero for an engine that understands speech; for the fake one, whatever is loud."""
    return loud_spans if engine == "fake" else silero_spans


def silero_spans(samples: Samples) -> Spans:
    """Spans of speech by the Silero model that comes with faster-whisper."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=_PAUSE_MILLISECONDS, speech_pad_ms=_PAD_MILLISECONDS)
    found = cast("list[dict[str, int]]", get_speech_timestamps(samples, options, sampling_rate=SAMPLE_RATE_HZ))
    return tuple((span["start"], span["end"]) for span in found)


def loud_spans(samples: Samples) -> Spans:
    """Runs of tenths of a second above -45 dBFS."""
    spans: list[tuple[int, int]] = []
    for start in range(0, len(samples), _QUIET_SAMPLES):
        part = samples[start : start + _QUIET_SAMPLES]
        if float(np.sqrt(np.mean(np.square(part)))) < _LOUD_RMS:
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], start + len(part))
        else:
            spans.append((start, start + len(part)))
    return tuple(spans)


def windows(chunks: Generator[Pcm], detect: Detector) -> Generator[Window]:
    """Cut a file into windows of at most 30 s, at pauses; holds one window and one chunk, and closes *chunks*."""
    with closing(chunks):
        yield from _cut_into_windows(chunks, detect)


def _cut_into_windows(chunks: Iterable[Pcm], detect: Detector) -> Generator[Window]:
    held: Samples = np.empty(0, dtype=np.float32)
    start_sample = 0
    for pcm in chunks:
        held = np.concatenate([held, _as_float(pcm)])
        while len(held) > WINDOW_SAMPLES:
            spans = detect(held[:WINDOW_SAMPLES])
            cut = _cut(held[:WINDOW_SAMPLES], spans)
            yield Window(start_sample, held[:cut], _within(spans, cut), is_last=False)
            held, start_sample = held[cut:], start_sample + cut
    if len(held):
        yield Window(start_sample, held, _within(detect(held), len(held)), is_last=True)


def _as_float(pcm: Pcm) -> Samples:
    return np.frombuffer(pcm.data, dtype="<i2").astype(np.float32) / np.float32(32_768)


def _cut(samples: Samples, spans: Spans) -> int:
    """The middle of the longest pause that is not too early; without one, the quietest moment near the end."""
    edges = [0, *(edge for span in spans for edge in span), len(samples)]
    # Padding may fill a short pause: where two spans touch, there is one of no length.
    pauses = [
        (end - start, (max(start, _EARLIEST_CUT_SAMPLES) + end) // 2)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end > max(start, _EARLIEST_CUT_SAMPLES) or _EARLIEST_CUT_SAMPLES <= start == end < len(samples)
    ]
    if pauses:
        return max(pauses)[1]
    first = len(samples) - _QUIET_SEARCH_SAMPLES
    tail = np.square(samples[first:]).reshape(-1, _QUIET_SAMPLES).mean(axis=1)
    return first + int(tail.argmin()) * _QUIET_SAMPLES + _QUIET_SAMPLES // 2


def _within(spans: Spans, cut: int) -> Spans:
    """The spans of a window that ends at *cut*; none where they are no word together."""
    within = tuple((start, min(end, cut)) for start, end in spans if start < cut)
    least_samples = min(_LEAST_SPEECH_SAMPLES, cut // 2)
    return within if sum(end - start for start, end in within) >= least_samples else ()

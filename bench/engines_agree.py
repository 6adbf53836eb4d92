"""
How many English clips have the same words by `faster-whisper` and by the reference, both in float32 with beam 5.

Not compared is a clip that an engine decoded by sampling, at a temperature above 0, where words are random ("sampled"),
and one whose words the reference does not find a second time ("unsteady").
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus import Clip, read_corpus, words

from speech_asr.engines import Engine, Task
from speech_asr.engines.faster_whisper import FasterWhisperEngine
from speech_asr.engines.openai_whisper import OpenAiWhisperEngine
from speech_asr.segments import Recognized, joined
from speech_asr.settings import AsrSettings
from speech_asr.vad import HEARD, Samples, silero_spans, windows
from speech_core.codec.decode import DecodeLimits, decode

_LANGUAGE = "en"
_LIMITS = DecodeLimits(max_audio_seconds=600, max_decoded_bytes=1 << 30)
_MOST_DIFFERING = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """What one engine made of a clip; *sampled* when it fell back to a temperature above 0, where words are random."""

    text: str
    sampled: bool


def _windows(clip: Clip) -> list[Samples]:
    """As the service cuts them, so that both engines hear the same."""
    cut = windows(decode(clip.path, HEARD, limits=_LIMITS), silero_spans)
    return [window.samples for window in cut if window.speech]


def _hear(engine: Engine, parts: Sequence[Samples]) -> Heard:
    segments = [segment for samples in parts for segment in _recognized(engine, samples).segments]
    return Heard(joined(segments), any(segment.decoded and segment.decoded.temperature > 0 for segment in segments))


def _recognized(engine: Engine, samples: Samples) -> Recognized:
    step: object = engine.prepare(samples, Task(_LANGUAGE))
    while not isinstance(step, Recognized):
        (step,) = engine.decode([step])
    return step


def _settings(engine: str, model: str) -> AsrSettings:
    # One worker, so that it has all cores; the reference always pads to 30 s.
    return AsrSettings(
        engine=engine, model=model, compute_type="float32", beam_size=5, shortest_window_seconds=30, workers=1
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--model", default="whisper-base")
    parser.add_argument("--every", type=int, default=1, help="take every so many clips: the reference is slow")
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus, _LANGUAGE)[:: arguments.every]
    reference = OpenAiWhisperEngine(_settings("openai-whisper", arguments.model))
    ours = FasterWhisperEngine(_settings("faster-whisper", arguments.model))
    outcomes = Counter(_compared(clip, reference, ours) for clip in clips)
    differing, compared = outcomes["differs"], outcomes["differs"] + outcomes["same"]
    print(f"the same words: {outcomes['same']} of {compared} clips; not compared: {len(clips) - compared}")
    return 1 if differing > _MOST_DIFFERING * compared else 0


def _compared(clip: Clip, reference: Engine, ours: Engine) -> str:
    parts = _windows(clip)
    expected, found = _hear(reference, parts), _hear(ours, parts)
    outcome = "same"
    if expected.sampled or found.sampled:
        outcome = "sampled"
    elif not _agree(expected, found):
        outcome = "differs" if _agree(expected, _hear(reference, parts)) else "unsteady"
    print(f"{outcome:8} {clip.path.name}", flush=True)
    if outcome != "same":
        print(f"  reference       {expected.text}\n  faster-whisper  {found.text}", flush=True)
    return outcome


def _agree(one: Heard, other: Heard) -> bool:
    return words(one.text, _LANGUAGE) == words(other.text, _LANGUAGE)


if __name__ == "__main__":
    sys.exit(main())

"""
How many clips have the same words by `faster-whisper` and by the reference, both in float32 with beam 5, by language.

Not compared is a clip that an engine decoded by sampling, at a temperature above 0, where words are random ("sampled"),
and one whose words the reference does not find a second time ("unsteady").
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus import Clip, read_corpus, words

from speech_asr.engines import Engine, Task
from speech_asr.engines.faster_whisper import FasterWhisperEngine
from speech_asr.engines.openai_whisper import OpenAiWhisperEngine
from speech_asr.segments import Recognized, joined
from speech_asr.settings import AsrSettings
from speech_asr.vad import HEARD, Samples, silero_spans, windows
from speech_core.codec.decode import DecodeLimits, decode

_LIMITS = DecodeLimits(max_audio_seconds=600, max_decoded_bytes=1 << 30)
_MOST_DIFFERING = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """What one engine made of a clip; *sampled* when it fell back to a temperature above 0, where words are random."""

    text: str
    sampled: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """A clip, and whether both engines heard the same in it."""

    clip: str
    language: str
    outcome: str
    reference: str
    faster_whisper: str


def _windows(clip: Clip) -> list[Samples]:
    """As the service cuts them, so that both engines hear the same."""
    cut = windows(decode(clip.path, HEARD, limits=_LIMITS), silero_spans)
    return [window.samples for window in cut if window.speech]


def _hear(engine: Engine, parts: Sequence[Samples], language: str) -> Heard:
    segments = [segment for samples in parts for segment in _recognized(engine, samples, language).segments]
    return Heard(joined(segments), any(segment.decoded and segment.decoded.temperature > 0 for segment in segments))


def _recognized(engine: Engine, samples: Samples, language: str) -> Recognized:
    step: object = engine.prepare(samples, Task(language))
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
    parser.add_argument("--json", type=Path, help="write the outcomes there as well")
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus)[:: arguments.every]
    reference = OpenAiWhisperEngine(_settings("openai-whisper", arguments.model))
    ours = FasterWhisperEngine(_settings("faster-whisper", arguments.model))
    outcomes = [_compared(clip, reference, ours) for clip in clips]
    counted = {
        language: dict(Counter(one.outcome for one in outcomes if one.language == language))
        for language in sorted({clip.language for clip in clips})
    }
    for language, counts in counted.items():
        print(f"{language}: {', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items()))}")
    if arguments.json:
        others = [asdict(one) for one in outcomes if one.outcome != "same"]
        written = json.dumps({"clips": counted, "others": others}, indent=1, ensure_ascii=False)
        arguments.json.write_text(written + "\n", encoding="utf-8")
    total = Counter(one.outcome for one in outcomes)
    return 1 if total["differs"] > _MOST_DIFFERING * (total["differs"] + total["same"]) else 0


def _compared(clip: Clip, reference: Engine, ours: Engine) -> Compared:
    parts = _windows(clip)
    expected, found = (_hear(engine, parts, clip.language) for engine in (reference, ours))
    outcome = "same"
    if expected.sampled or found.sampled:
        outcome = "sampled"
    elif not _agree(expected, found, clip.language):
        again = _hear(reference, parts, clip.language)
        outcome = "differs" if _agree(expected, again, clip.language) else "unsteady"
    print(f"{outcome:8} {clip.path.name}", flush=True)
    if outcome != "same":
        print(f"  reference       {expected.text}\n  faster-whisper  {found.text}", flush=True)
    return Compared(clip.path.name, clip.language, outcome, expected.text, found.text)


def _agree(one: Heard, other: Heard, language: str) -> bool:
    return words(one.text, language) == words(other.text, language)


if __name__ == "__main__":
    sys.exit(main())

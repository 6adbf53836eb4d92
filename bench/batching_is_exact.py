"""Whether windows in a batch get the tokens that they get alone: greedy and beam 5, int8 and float32."""

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from corpus import read_corpus
from faster_whisper.audio import decode_audio

from speech_asr.engines import Task
from speech_asr.engines.attempt import WhisperAttempt
from speech_asr.engines.faster_whisper import FasterWhisperEngine
from speech_asr.segments import Recognized
from speech_asr.settings import AsrSettings
from speech_asr.vad import Samples, silero_spans

Said = list[tuple[int, ...]]


def tokens(outcome: Recognized | WhisperAttempt) -> tuple[int, ...]:
    """
    What was taken of the decoder's answers until now, or its last answer if that is to be asked again warmer.

    Of one that is asked again in a full window, nothing: the tokens of that window follow.
    """
    if isinstance(outcome, WhisperAttempt) and outcome.tried:
        return outcome.tried[-1].tokens
    segments = outcome.segments if isinstance(outcome, Recognized) else outcome.found
    return tuple(token for segment in segments if segment.decoded for token in segment.decoded.tokens)


def prepared(engine: FasterWhisperEngine, samples: Samples) -> WhisperAttempt:
    """As the service does: its calls begin where speech does."""
    return engine.prepare(samples, Task(), speech=silero_spans(samples))


def in_batches(engine: FasterWhisperEngine, attempts: Sequence[WhisperAttempt], size: int) -> list[Said]:
    """
    What was said of each after each call, decoded with others of its key that chance put beside it.

    Until its end, or until the decoder would sample: that differs from run to run.
    """
    said: list[Said] = [[] for _ in attempts]
    waiting = dict(enumerate(attempts))
    while waiting:
        by_key: dict[object, list[int]] = defaultdict(list)
        for index in random.sample(sorted(waiting), len(waiting)):
            by_key[waiting[index].key].append(index)
        for indices in by_key.values():
            for start in range(0, len(indices), size):
                batch = indices[start : start + size]
                for index, outcome in zip(batch, engine.decode([waiting[index] for index in batch]), strict=True):
                    said[index].append(tokens(outcome))
                    if isinstance(outcome, WhisperAttempt) and outcome.temperature == 0:
                        waiting[index] = outcome
                    else:
                        del waiting[index]
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--every", type=int, default=1, help="take every so many clips")
    parser.add_argument("--compute-types", nargs="+", default=["int8", "float32"])
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus)[:: arguments.every]
    rows = []
    for compute_type in arguments.compute_types:
        for beam_size in (1, 5):
            engine = FasterWhisperEngine(AsrSettings(compute_type=compute_type, beam_size=beam_size))
            attempts = [prepared(engine, decode_audio(str(clip.path))) for clip in clips]
            alone = in_batches(engine, attempts, 1)
            together = in_batches(engine, attempts, arguments.batch)
            wrong = [clip.path.name for clip, one, other in zip(clips, alone, together, strict=True) if one != other]
            same = (
                f"{len(clips) - len(wrong)} of {len(clips)} clips have the same tokens in batches of {arguments.batch}"
            )
            print(f"{compute_type:8} beam {beam_size}: {same}  {' '.join(wrong)}", flush=True)
            rows.append(
                {
                    "compute_type": compute_type,
                    "beam_size": beam_size,
                    "batch": arguments.batch,
                    "clips": len(clips),
                    "calls": sum(map(len, alone)),
                    "tokens": sum(len(said[-1]) for said in alone),
                    "without_tokens": [
                        clip.path.name for clip, said in zip(clips, alone, strict=True) if not any(said)
                    ],
                    "differing": wrong,
                }
            )
            engine.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row["differing"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

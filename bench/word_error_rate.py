"""
The word error rate of a corpus by language: through `POST /api/stt/bytes`, and by the engine called directly.

With `--silence`, each clip begins and ends with some, as a recording does whose speaker is slow to begin.
"""

import argparse
import io
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from corpus import Clip, ErrorCount, count_errors, read_corpus, words
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from wav import RATE_HZ, wav

from speech_core.models.store import Store

_TIMEOUT_SECONDS = 300.0


Sound = Callable[[Clip], bytes]


def sound_with(silence: list[float] | None) -> Sound:
    """The file of a clip, or its samples with so many seconds of silence before and after them."""
    if silence is None:
        return lambda clip: clip.path.read_bytes()
    before, after = (round(seconds * RATE_HZ) for seconds in silence)
    return lambda clip: wav(np.pad(decode_audio(str(clip.path)) * 32_767, (before, after)))


def through_the_service(url: str, sound: Sound) -> Callable[[Clip], str]:
    """What the service hears; the language is left to it, as in the call beside it."""
    client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS)

    def hear(clip: Clip) -> str:
        answer = client.post("/api/stt/bytes", content=sound(clip))
        answer.raise_for_status()
        return answer.json()["text"]

    return hear


def directly(models_dir: Path, sound: Sound) -> Callable[[Clip], str]:
    """What faster-whisper hears with the service's settings: beam 5, int8, its own thresholds, windows of 30 s."""
    model = WhisperModel(str(Store(models_dir).find("whisper-base")), device="cpu", compute_type="int8")

    def hear(clip: Clip) -> str:
        segments, _ = model.transcribe(io.BytesIO(sound(clip)), beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)

    return hear


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/kubespeech/models"))
    parser.add_argument("--ways", nargs="+", choices=["service", "direct"], default=["service", "direct"])
    parser.add_argument("--language", help="only clips of this one")
    parser.add_argument("--every", type=int, default=1, help="take every so many clips")
    parser.add_argument("--at-once", type=int, default=4, help="clips on their way at the same time")
    parser.add_argument("--silence", type=float, nargs=2, metavar=("BEFORE", "AFTER"), help="seconds")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--require-equal", action="store_true", help="exit with 1 when the words of a clip differ")
    parser.add_argument(
        "--at-most-more", type=int, help="exit with 1 when the service makes so many errors more in any language"
    )
    arguments = parser.parse_args()
    are_compared = len(arguments.ways) > 1
    if (arguments.require_equal or arguments.at_most_more is not None) and not are_compared:
        parser.error("--require-equal and --at-most-more compare two ways")
    clips = read_corpus(arguments.corpus, arguments.language)[:: arguments.every]
    sound = sound_with(arguments.silence)
    ways = {
        "service": partial(through_the_service, arguments.url),
        "direct": partial(directly, arguments.models_dir.expanduser()),
    }
    heard = {name: _hear_all(ways[name](sound), clips, arguments.at_once) for name in arguments.ways}
    figures = {
        language: {name: _count(texts, language) for name, texts in heard.items()}
        for language in sorted({clip.language for clip in clips})
    }
    differing = [clip for clip in clips if _differs(clip, heard)]
    _print(figures, clips, differing, heard)
    if arguments.json:
        rates = {lang: {name: asdict(count) for name, count in row.items()} for lang, row in figures.items()}
        written = {"rates": rates}
        if are_compared:
            written["differing"] = [clip.path.name for clip in differing]
        arguments.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 1 if (arguments.require_equal and differing) or _is_worse(figures, arguments.at_most_more) else 0


def _is_worse(figures: dict[str, dict[str, ErrorCount]], at_most_more: int | None) -> bool:
    if at_most_more is None:
        return False
    return any(row["service"].errors - row["direct"].errors > at_most_more for row in figures.values())


def _hear_all(hear: Callable[[Clip], str], clips: list[Clip], at_once: int) -> dict[Clip, str]:
    with ThreadPoolExecutor(at_once) as callers:
        return dict(zip(clips, callers.map(hear, clips), strict=True))


def _count(texts: dict[Clip, str], language: str) -> ErrorCount:
    return count_errors([(clip.text, text) for clip, text in texts.items() if clip.language == language], language)


def _differs(clip: Clip, heard: dict[str, dict[Clip, str]]) -> bool:
    return len({words(texts[clip], clip.language) for texts in heard.values()}) > 1


def _print(
    figures: dict[str, dict[str, ErrorCount]],
    clips: list[Clip],
    differing: list[Clip],
    heard: dict[str, dict[Clip, str]],
) -> None:
    print(f"{'language':10}{'clips':>6}{'words':>7}" + "".join(f"{name:>10}" for name in heard))
    for language, row in figures.items():
        count = sum(clip.language == language for clip in clips)
        rates = "".join(f"{100 * of_way.rate:>9.2f}%" for of_way in row.values())
        print(f"{language:10}{count:>6}{next(iter(row.values())).words:>7}{rates}")
    if len(heard) > 1:
        print(f"clips whose words differ: {len(differing)} of {len(clips)}")
    for clip in differing:
        print(f"  {clip.path.name}")
        for name, texts in heard.items():
            print(f"    {name:8} {texts[clip]}")


if __name__ == "__main__":
    sys.exit(main())

"""
An hour in one file: no clip lost or doubled, memory flat, and short clips that are sent meanwhile keep their pace.

The clips of a corpus are joined with pauses to a wav of the length that is asked for.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import httpx
import jiwer
import numpy as np
from corpus import Clip, count_errors, read_corpus, words
from faster_whisper.audio import decode_audio
from service import GIVEN_BACK_SECONDS, ServiceProcess, asr
from wav import RATE_HZ, wav

_PAUSE_SECONDS = 0.8
_TIMEOUT_SECONDS = 7200.0
_WINDOW_SECONDS = 28.0
# What holds: every second accounted for, flat memory, and clips that do not notice the file.
_FRAME_SECONDS = 0.01
_KEPT_MIB = 64
_SLOWER_AT_MOST = 2


def joined(clips: list[Clip], seconds: float) -> tuple[bytes, list[Clip]]:
    """A wav, and the clips in it, in order and over again until it is long enough."""
    pause = np.zeros(int(_PAUSE_SECONDS * RATE_HZ), "<i2")
    decoded = {clip: (decode_audio(str(clip.path)) * 32_767).astype("<i2") for clip in clips}
    used: list[Clip] = []
    length = 0.0
    for clip in cycle(clips):
        if length >= seconds:
            break
        length += clip.seconds + _PAUSE_SECONDS
        used.append(clip)
    return wav(np.concatenate([part for clip in used for part in (decoded[clip], pause)])), used


def events(service: ServiceProcess, audio: bytes, language: str) -> Iterator[dict]:
    with httpx.stream(
        "POST",
        f"{service.url}/api/stt/bytes?lang={language}",
        content=audio,
        headers={"accept": "text/event-stream"},
        timeout=_TIMEOUT_SECONDS,
    ) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                if event["type"] == "error":
                    raise SystemExit(f"the file was not recognized: {event}")
                yield event


def heard_alone(service: ServiceProcess, clips: list[Clip]) -> dict[Clip, str]:
    """What is heard in each clip by itself: some say something else than their transcripts."""
    with httpx.Client(base_url=service.url, timeout=_TIMEOUT_SECONDS) as client:
        return {
            clip: client.post("/api/stt/bytes", params={"lang": clip.language}, content=clip.path.read_bytes())
            .raise_for_status()
            .json()["text"]
            for clip in clips
        }


def lost_and_added(used: list[Clip], alone: dict[Clip, str], text: str, language: str) -> tuple[list[str], list[str]]:
    """
    Clips of which less than a third of the words was heard, and what was added where that is a clip's worth of words.

    Both against what is heard in the clips alone, from one alignment of all words. A lost clip is told with the number
    of clips before it.
    """
    references = [words(alone[clip], language) for clip in used]
    owner = [index for index, reference in enumerate(references) for _ in reference.split()]
    heard = words(text, language).split()
    aligned = jiwer.process_words(" ".join(references), " ".join(heard))
    hit, added = [0] * len(used), list[str]()
    for chunk in aligned.alignments[0]:
        if chunk.type == "equal":
            for position in range(chunk.ref_start_idx, chunk.ref_end_idx):
                hit[owner[position]] += 1
        elif chunk.type == "insert" and chunk.hyp_end_idx - chunk.hyp_start_idx >= 4:
            added.append(" ".join(heard[chunk.hyp_start_idx : chunk.hyp_end_idx]))
    sizes = [len(reference.split()) for reference in references]
    lost = [
        f"{clip.path.stem} after {number}"
        for number, (clip, count, size) in enumerate(zip(used, hit, sizes, strict=True))
        if size >= 4 and count * 3 < size
    ]
    return lost, added


class Clips:
    """Short clips sent at a steady pace, whatever the answers do."""

    def __init__(self, service: ServiceProcess, clips: list[Clip], per_second: float) -> None:
        self._service, self._clips, self._per_second = service, clips, per_second
        self._enough = threading.Event()
        self.latencies: list[float] = []
        self.failed = 0

    def send(self, count: int | None = None) -> None:
        """So many; without a *count*, for as long as `while_sent` lasts."""
        bodies = [clip.path.read_bytes() for clip in self._clips]
        with ThreadPoolExecutor(64) as callers:
            for body in islice(cycle(bodies), count):
                callers.submit(self._one, body)
                if self._enough.wait(1 / self._per_second):
                    break

    @contextmanager
    def while_sent(self, count: int | None = None) -> Generator[threading.Thread]:
        """Send them from a thread beside the block, no longer than that lasts, and wait for the answers."""
        sender = threading.Thread(target=self.send, args=(count,))
        sender.start()
        try:
            yield sender
        finally:
            self._enough.set()
            sender.join()

    def _one(self, body: bytes) -> None:
        started = time.perf_counter()
        try:
            httpx.post(f"{self._service.url}/api/stt/bytes", content=body, timeout=_TIMEOUT_SECONDS).raise_for_status()
        except httpx.HTTPError:
            self.failed += 1
        else:
            self.latencies.append(time.perf_counter() - started)

    def p95(self) -> float:
        return float(np.quantile(self.latencies, 0.95))


class Least:
    """The least memory of a service, looked at ten times a second while the block lasts."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        self._least_bytes = sys.maxsize
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> "Least":
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            self._least_bytes = min(self._least_bytes, self._service.resident_bytes())

    def least_bytes(self) -> int:
        """Since this was last asked."""
        least_bytes, self._least_bytes = self._least_bytes, sys.maxsize
        return least_bytes


def measured(audio: bytes, used: list[Clip], clips: list[Clip], arguments: argparse.Namespace) -> dict:
    """One round, on a service of its own."""
    short = [clip for clip in clips if 2 <= clip.seconds <= 8][:: max(1, len(clips) // 20)]
    with asr() as service:
        heard = heard_alone(service, clips)
        alone = Clips(service, short, arguments.per_second)
        alone.send(arguments.count)
        idle_bytes = service.resident_bytes()
        # What files of one window need, beside clips: what the hour is compared with.
        window, _ = joined(clips, _WINDOW_SECONDS)
        before = Clips(service, short, arguments.per_second)
        service.peak_bytes()
        with before.while_sent(arguments.count // 4) as sender:
            while sender.is_alive():
                httpx.post(f"{service.url}/api/stt/bytes", content=window, timeout=_TIMEOUT_SECONDS).raise_for_status()
        one_window_bytes = service.peak_bytes()
        most, least = list[int](), list[int]()
        beside = Clips(service, short, arguments.per_second)
        started, progress = time.perf_counter(), 0
        with beside.while_sent(), Least(service) as memory:
            for event in events(service, audio, arguments.language):
                if event["type"] == "progress":
                    progress += 1
                    if event["processed_seconds"] >= (len(most) + 1) * arguments.minutes * 60 / 10:
                        most.append(service.peak_bytes())
                        least.append(memory.least_bytes())
                elif event["type"] == "done":
                    text, coverage = event["text"], event["coverage"]
            seconds = time.perf_counter() - started
        time.sleep(GIVEN_BACK_SECONDS)
        after_bytes = service.resident_bytes()
    lost, added = lost_and_added(used, heard, text, arguments.language)
    rate = count_errors([(" ".join(clip.text for clip in used), text)], arguments.language).rate
    return {
        "audio_seconds": coverage["audio_seconds"],
        "real_time": round(coverage["audio_seconds"] / seconds, 2),
        "progress_events": progress,
        "clips_joined": len(used),
        "clips_lost": lost,
        "words_added": added,
        "word_error_rate": round(rate, 4),
        "coverage": coverage,
        "memory_mib_idle": _mib(idle_bytes),
        "memory_mib_one_window": _mib(one_window_bytes),
        # The most is what two batches need that meet in the engine.
        "most_memory_mib_by_tenth": [_mib(size) for size in most],
        "least_memory_mib_by_tenth": [_mib(size) for size in least],
        "memory_mib_after": _mib(after_bytes),
        # What is kept shows in the least: an hour of samples is 110 MiB. The first tenth begins with memory given back.
        "memory_growth_mib": _mib(min(least[-2:]) - least[1]),
        "memory_left_mib": _mib(after_bytes - idle_bytes),
        "p95_seconds_alone": round(alone.p95(), 3),
        "p95_seconds_beside": round(beside.p95(), 3),
        "p95_ratio": round(beside.p95() / alone.p95(), 2),
        "p50_ratio": round(statistics.median(beside.latencies) / statistics.median(alone.latencies), 2),
        "short_clips": [len(alone.latencies), len(beside.latencies)],
        "failed": alone.failed + before.failed + beside.failed,
    }


def holds(figures: dict) -> bool:
    """What an hour must not cost: words, memory, or the patience of those who bring clips."""
    told = figures["coverage"]
    parts_seconds = told["transcribed_seconds"] + told["silent_seconds"] + told["failed_seconds"]
    return (
        not (figures["clips_lost"] or figures["words_added"] or figures["failed"] or told["failed_seconds"])
        and abs(parts_seconds - told["audio_seconds"]) < _FRAME_SECONDS
        and max(figures["memory_growth_mib"], figures["memory_left_mib"]) <= _KEPT_MIB
        and figures["p95_ratio"] <= _SLOWER_AT_MOST
    )


def _mib(size: int) -> int:
    return round(size / (1 << 20))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--language", default="en")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--per-second", type=float, default=0.5, help="short clips: a quarter of the capacity")
    parser.add_argument(
        "--count", type=int, default=60, help="short clips without the file; beside it they come all along"
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    clips = read_corpus(arguments.corpus, arguments.language)
    audio, used = joined(clips, arguments.minutes * 60)
    rounds: list[dict] = []
    for _ in range(arguments.rounds):
        rounds.append(measured(audio, used, clips, arguments))
        for name, value in rounds[-1].items():
            print(f"{name:28} {value}", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    return 0 if all(map(holds, rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())

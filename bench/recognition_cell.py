"""One cell of a comparison, in a process of its own: some clips, one way to recognize them, so many at a time."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from queue import SimpleQueue

import anyio
import httpx
import numpy as np
from corpus import Clip, count_errors, read_corpus
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio
from service import asr
from wav import RATE_HZ, wav

from speech_asr.engines import Task
from speech_asr.engines.faster_whisper import FasterWhisperEngine
from speech_asr.scheduler import Scheduler, Share
from speech_asr.segments import joined
from speech_asr.settings import AsrSettings
from speech_asr.vad import silero_spans
from speech_core.models.store import Store

_TIMEOUT_SECONDS = 600.0
_WINDOW_SECONDS = 29.5
_PAUSE_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Item:
    """A recording: what is sent, its samples, what is said in it."""

    data: bytes
    samples: np.ndarray
    language: str
    text: str

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE_HZ


Recognize = Callable[[Item], str]


def short_clips(clips: Sequence[Clip]) -> list[Item]:
    """Each clip by itself."""
    return [Item(clip.path.read_bytes(), decode_audio(str(clip.path)), clip.language, clip.text) for clip in clips]


def full_windows(clips: Sequence[Clip], *, seconds: float = _WINDOW_SECONDS) -> list[Item]:
    """Clips of one language joined with pauses to just under 30 s, as wav."""
    items: list[Item] = []
    held: list[Clip] = []
    for clip in sorted(clips, key=lambda clip: clip.language):
        if held and (
            held[0].language != clip.language
            or sum(one.seconds + _PAUSE_SECONDS for one in held) + clip.seconds > seconds
        ):
            items.append(_join(held))
            held = []
        held.append(clip)
    # The rest is no full window.
    return items


def _join(clips: Sequence[Clip]) -> Item:
    pause = np.zeros(int(_PAUSE_SECONDS * RATE_HZ), np.float32)
    samples = np.concatenate([part for clip in clips for part in (decode_audio(str(clip.path)), pause)])
    return Item(wav(samples * 32_767), samples, clips[0].language, " ".join(clip.text for clip in clips))


def reference(model: WhisperModel) -> Recognize:
    """faster-whisper with its defaults, as most servers call it."""

    def recognize(item: Item) -> str:
        segments, _ = model.transcribe(item.samples)
        return " ".join(segment.text.strip() for segment in segments)

    return recognize


def batched(model: WhisperModel) -> Recognize:
    """faster-whisper's pipeline that batches the windows of one file; an object a request, since it keeps state."""

    def recognize(item: Item) -> str:
        segments, _ = BatchedInferencePipeline(model).transcribe(item.samples, batch_size=8)
        return " ".join(segment.text.strip() for segment in segments)

    return recognize


def over_threads(items: Sequence[Item], recognize: Recognize, concurrency: int) -> tuple[list[str], list[float], float]:
    """Texts, seconds of each, and seconds of all, with *concurrency* callers who wait for their answers."""

    def timed(item: Item) -> tuple[str, float]:
        started = time.perf_counter()
        return recognize(item), time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as callers:
        answers = list(callers.map(timed, items))
    whole = time.perf_counter() - started
    return [text for text, _ in answers], [seconds for _, seconds in answers], whole


def in_process(items: Sequence[Item], settings: AsrSettings, concurrency: int) -> tuple[list[str], list[float], float]:
    """Our engine behind our scheduler, without a server around it."""
    engine = FasterWhisperEngine(settings)
    layout = settings.layout
    texts, seconds = [""] * len(items), [0.0] * len(items)

    async def decode(batch):
        return await anyio.to_thread.run_sync(engine.decode, batch)

    def prepared(item: Item):
        return engine.prepare(item.samples, Task(), speech=silero_spans(item.samples))

    async def visit(index: int, scheduler: Scheduler, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            item, started = items[index], time.perf_counter()
            attempt = await anyio.to_thread.run_sync(prepared, item)
            ticket = scheduler.submit(
                attempt,
                Share(),
                audio_seconds=item.seconds,
                remaining_seconds=item.seconds,
                deadline_seconds=math.inf,
            )
            texts[index] = joined((await scheduler.result(ticket)).segments)
            seconds[index] = time.perf_counter() - started

    async def main() -> float:
        scheduler = Scheduler(
            decode, workers=layout.workers, batch_size=layout.batch_size, windows_per_request=layout.windows_per_request
        )
        async with scheduler.running():
            started, limiter = time.perf_counter(), anyio.CapacityLimiter(concurrency)
            async with anyio.create_task_group() as tasks:
                for index in range(len(items)):
                    tasks.start_soon(visit, index, scheduler, limiter)
            return time.perf_counter() - started

    return texts, seconds, anyio.run(main)


def through_http(items: Sequence[Item], settings: dict[str, object], concurrency: int):
    """Our service as a process of its own, and callers beside it."""
    with asr(**settings) as service, httpx.Client(base_url=service.url, timeout=_TIMEOUT_SECONDS) as client:

        def recognize(item: Item) -> str:
            answer = client.post("/api/stt/bytes", content=item.data)
            answer.raise_for_status()
            return answer.json()["text"]

        recognize(items[0])
        return over_threads(items, recognize, concurrency)


def through_others(items: Sequence[Item], urls: Sequence[str], concurrency: int):
    """Servers that run already and take OpenAI's form, as whisper.cpp's does; as many callers at each."""
    form = {"model": "whisper-1", "response_format": "json"}
    seats: SimpleQueue[str] = SimpleQueue()
    for url in islice(cycle(urls), concurrency):
        seats.put(url)
    with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:

        def recognize(item: Item) -> str:
            url = seats.get()
            try:
                answer = client.post(url, files={"file": item.data}, data=form)
            finally:
                seats.put(url)
            answer.raise_for_status()
            return answer.json()["text"]

        for _ in urls:
            recognize(items[0])
        return over_threads(items, recognize, concurrency)


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    # What is longer is cut by the service, and by nobody else in the same place.
    clips = [clip for clip in read_corpus(arguments.corpus, arguments.language) if clip.seconds < _WINDOW_SECONDS]
    items = full_windows(clips) if arguments.full else short_clips(clips)
    items = items[:: max(1, len(items) // arguments.clips)][: arguments.clips]
    settings = {} if arguments.threads is None else {"workers": arguments.threads}
    if arguments.window:
        settings["shortest_window_seconds"] = arguments.window
    if arguments.way == "http":
        texts, latencies, wall = through_http(items, settings, arguments.concurrency)
    elif arguments.way == "server":
        texts, latencies, wall = through_others(items, arguments.url, arguments.concurrency)
    elif arguments.way == "engine":
        texts, latencies, wall = in_process(items, AsrSettings(**settings), arguments.concurrency)
    else:
        folder = Store(AsrSettings().models_dir).find("whisper-base")
        model = WhisperModel(str(folder), device="cpu", compute_type="int8")
        recognize = {"reference": reference, "batched": batched}[arguments.way](model)
        texts, latencies, wall = over_threads(items, recognize, arguments.concurrency)
    audio = sum(item.seconds for item in items)
    errors = {
        language: count_errors(
            [(item.text, text) for item, text in zip(items, texts, strict=True) if item.language == language], language
        )
        for language in sorted({item.language for item in items})
    }
    return {
        "audio_seconds": audio,
        "wall_seconds": wall,
        "throughput": audio / wall,
        "p50_seconds": float(np.median(latencies)),
        "p95_seconds": float(np.quantile(latencies, 0.95)),
        "errors": sum(count.errors for count in errors.values()),
        "words": sum(count.words for count in errors.values()),
    }


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--corpus", type=Path, required=True)
    made.add_argument("--way", choices=["reference", "batched", "engine", "http", "server"], required=True)
    made.add_argument("--url", nargs="+", default=[], help="of `--way server`; several share the callers")
    made.add_argument("--concurrency", type=int, default=1)
    made.add_argument("--clips", type=int, default=24)
    made.add_argument("--language")
    made.add_argument("--full", action="store_true", help="clips joined to windows of 30 s")
    made.add_argument("--window", type=float, help="shortest window in seconds")
    made.add_argument("--threads", type=int, help="workers")
    return made


if __name__ == "__main__":
    json.dump(measure(parser().parse_args()), sys.stdout)

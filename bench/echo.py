"""How soon an echo is heard, beside its two halves called directly: the first segment, and its first sound."""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import av
import httpx
import numpy as np
from corpus import read_corpus
from player import AUDIBLE
from service import asr, gateway, tts
from wav import RATE_HZ, wav

_PAUSE_SECONDS = 1.2
# Of a WAV header, and of the silence that a voice begins with.
_HEADER_BYTES = 44


def samples(path: Path) -> np.ndarray:
    """Mono int16 at 16 kHz."""
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    with av.open(str(path)) as container:
        parts = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(parts)


def recordings(corpus: Path, count: int) -> list[bytes]:
    """Clips of several sentences: three of the corpus with a pause between them, as wav."""
    clips = [clip for clip in read_corpus(corpus, "en") if 3 <= clip.seconds <= 8]
    pause = np.zeros(int(_PAUSE_SECONDS * RATE_HZ), dtype=np.int16)
    made: list[bytes] = []
    for start in range(0, 3 * count, 3):
        parts = [part for clip in clips[start : start + 3] for part in (samples(clip.path), pause)]
        made.append(wav(np.concatenate(parts)))
    return made


def until_heard(client: httpx.Client, url: str, **request: object) -> float:
    """Seconds until the first sample above -45 dBFS."""
    begun_seconds = time.perf_counter()
    held = b""
    with client.stream("POST", url, **request) as answer:
        assert answer.status_code == 200, answer.read()
        for part in answer.iter_raw():
            held += part
            whole = held[_HEADER_BYTES : len(held) - len(held) % 2]
            if len(whole) and np.abs(np.frombuffer(whole, "<i2")).max(initial=0) > AUDIBLE:
                return time.perf_counter() - begun_seconds
    raise AssertionError("nothing was heard")


def halves(client: httpx.Client, asr_url: str, tts_url: str, recording: bytes) -> float:
    """Seconds until the first segment, and from its text until it is heard."""
    begun_seconds = time.perf_counter()
    headers = {"accept": "text/event-stream"}
    with client.stream("POST", f"{asr_url}/api/stt/bytes", content=recording, headers=headers) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line == "event: segment")
        text = json.loads(next(lines).removeprefix("data: "))["text"]
        recognized_seconds = time.perf_counter() - begun_seconds
    return recognized_seconds + until_heard(client, f"{tts_url}/api/tts", json={"text": text, "format": "wav"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--recordings", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    made = recordings(arguments.corpus, arguments.recordings)
    rounds: list[dict[str, float]] = []
    with (
        asr() as hears,
        tts() as speaks,
        gateway(asr_url=hears.url, tts_url=speaks.url) as relays,
        httpx.Client(timeout=120) as client,
    ):
        for _ in range(arguments.rounds):
            taken: dict[str, list[float]] = {"direct": [], "echo": []}
            for recording in made:
                taken["direct"].append(halves(client, hears.url, speaks.url, recording))
                taken["echo"].append(until_heard(client, f"{relays.url}/api/echo-bytes", content=recording))
            rounds.append({name: statistics.median(values) for name, values in taken.items()})
    ratios = [one["echo"] / one["direct"] for one in rounds]
    for name in ("direct", "echo"):
        print(f"{name:7} {statistics.median(one[name] for one in rounds) * 1000:.0f} ms until it is heard")
    print(f"ratio   {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

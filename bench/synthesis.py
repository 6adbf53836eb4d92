"""
Synthesis side by side: first audio and throughput of our service, of its engine in process, and of Piper's server.

Piper's own HTTP server needs flask. Streams are players: they start with the first sound, play in real time, and fall
silent when the next sound is late.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import httpx
import numpy as np
from service import ServiceProcess, free_port, tts
from websockets.sync.client import connect

from speech_core.models.store import Store
from speech_tts.engines.piper import PiperEngine
from speech_tts.settings import TtsSettings

_RATE_HZ = 22_050
_AUDIBLE = 32_768 * 10 ** (-45 / 20)
_TIMEOUT_SECONDS = 300.0
_START_SECONDS = 60.0

SHORT = "The weather is fine today."
LONG = (
    "When the old clock in the hall, which had not been wound for many years, suddenly began to strike, everybody in "
    "the house stopped what they were doing, looked at each other without a word, and went slowly down the stairs."
)
TEN = " ".join(
    (
        SHORT,
        "We walk along the river to the old mill.",
        "A boat with a red sail comes round the bend.",
        "Two children wave from the bank.",
        "Their dog has found a stick and will not let it go.",
        "At noon the bells of the village begin to ring.",
        "We eat bread and cheese under a tree.",
        "Later a light rain falls for a few minutes.",
        "Nobody minds, since the air is warm.",
        "In the evening we take the last train home.",
    )
)


@dataclass(frozen=True, slots=True)
class Played:
    """One stream: when it could first be heard, what it played, and how often and how long it fell silent."""

    first_seconds: float
    audio_seconds: float
    wall_seconds: float
    underruns: int
    silent_seconds: float


class Player:
    """Takes runs of samples as they arrive."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._due = 0.0
        self._audio = 0.0
        self._underruns = 0
        self._silent = 0.0

    def take(self, samples: bytes) -> None:
        now = time.perf_counter()
        heard = np.abs(np.frombuffer(samples[: len(samples) // 2 * 2], "<i2").astype(int))
        if self._first is None:
            if heard.size == 0 or heard.max() < _AUDIBLE:
                return
            self._first = self._due = now
        if now > self._due:
            late = now - self._due
            self._underruns += late > 0.001
            self._silent += late
            self._due = now
        self._due += heard.size / _RATE_HZ
        self._audio += heard.size / _RATE_HZ

    def played(self) -> Played:
        now = time.perf_counter()
        first = self._first if self._first is not None else now
        return Played(first - self._started, self._audio, now - self._started, self._underruns, self._silent)


Speak = Callable[[str], Played]


def over_http(service: ServiceProcess) -> Speak:
    def speak(text: str) -> Played:
        player = Player()
        with httpx.stream("POST", f"{service.url}/api/tts", json={"text": text}, timeout=_TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            for part in answer.iter_raw():
                player.take(part)
        return player.played()

    return speak


def over_socket(service: ServiceProcess) -> Speak:
    def speak(text: str) -> Played:
        with connect(f"ws://127.0.0.1:{service.port}/ws/tts", compression=None, max_queue=None) as socket:
            socket.recv()
            player = Player()
            socket.send(json.dumps({"text": text}))
            while True:
                message = socket.recv()
                if isinstance(message, bytes):
                    player.take(message)
                elif json.loads(message)["type"] in ("end", "error"):
                    return player.played()

    return speak


def in_process(engine: PiperEngine) -> Speak:
    """What the engine gives for the whole text: its first chunk is the first sentence."""

    def speak(text: str) -> Played:
        player, voice = Player(), next(iter(engine.voices.values()))
        for pcm in engine.synthesize(text, voice=voice, speed=1.0):
            player.take(pcm.data)
        return player.played()

    return speak


def over_piper(url: str) -> Speak:
    """Piper's own server: it answers with a WAV once all is made."""

    def speak(text: str) -> Played:
        player = Player()
        with httpx.stream("POST", url, json={"text": text}, timeout=_TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            parts = answer.iter_raw()
            player.take(next(parts)[44:])
            for part in parts:
                player.take(part)
        return player.played()

    return speak


@contextmanager
def piper_server(settings: TtsSettings) -> Iterator[str]:
    model = next(Store(settings.models_dir).find(settings.voice).glob("*.onnx"))
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "piper.http_server",
        "--model",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/synthesize"
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                httpx.post(url, json={"text": SHORT}, timeout=_TIMEOUT_SECONDS).raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("Piper's server does not start; is flask installed?") from None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def spread(values: Sequence[float], unit: float = 1.0, digits: int = 0) -> str:
    made = [value * unit for value in values]
    return f"{statistics.median(made):.{digits}f} ({min(made):.{digits}f}-{max(made):.{digits}f})"


def first_audio(ways: dict[str, Speak], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds to the first sound, by text and way."""
    texts = {"a short sentence": SHORT, "a long sentence": LONG, "ten sentences": TEN}
    found: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name in texts}
    for _ in range(rounds):
        for name, text in texts.items():
            for way, speak in ways.items():
                found[name][way].append(speak(text).first_seconds)
    print(f"first audio in ms: median (least-most) of {rounds} rounds")
    print(f"{'':18}" + "".join(f"{way:>24}" for way in ways))
    for name, row in found.items():
        print(f"{name:18}" + "".join(f"{spread(row[way], 1000):>24}" for way in ways))
    return found


def together(speak: Speak, streams: int, stagger_seconds: float) -> list[Played]:
    """So many listeners of ten sentences, who come one after the other within *stagger_seconds*."""
    barrier = Barrier(streams)

    def listen(number: int) -> Played:
        barrier.wait()
        time.sleep(stagger_seconds * number / streams)
        return speak(TEN)

    with ThreadPoolExecutor(streams) as listeners:
        return list(listeners.map(listen, range(streams)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--threads", type=int, help="cores of one synthesis")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    own = {} if arguments.threads is None else {"threads": arguments.threads}
    settings = TtsSettings(**own)
    with tts(seats=64, **own) as service, piper_server(settings) as piper:
        engine = PiperEngine(settings)
        ways = {
            "engine": in_process(engine),
            "socket": over_socket(service),
            "http": over_http(service),
            "Piper's server": over_piper(piper),
        }
        for speak in ways.values():
            speak(SHORT)
        found = {"first_audio": first_audio(ways, arguments.rounds), "streams": []}
        print(f"\n{'streams':>8}{'way':>16}{'throughput':>22}{'first audio ms':>22}{'underruns':>11}{'silent s':>10}")
        for streams in arguments.streams:
            for way in ("engine", "socket", "Piper's server"):
                speeds, firsts, underruns, silent = [], [], 0, 0.0
                for _ in range(arguments.rounds):
                    started = time.perf_counter()
                    if way == "engine":
                        with ThreadPoolExecutor(engine.lanes.total) as pool:
                            played = list(pool.map(lambda _: ways["engine"](TEN), range(streams)))
                    else:
                        played = together(ways[way], streams, 0.5)
                    wall = time.perf_counter() - started
                    speeds.append(sum(one.audio_seconds for one in played) / wall)
                    firsts.append(max(one.first_seconds for one in played))
                    underruns += sum(one.underruns for one in played)
                    silent += sum(one.silent_seconds for one in played)
                found["streams"].append(
                    {"streams": streams, "way": way, "throughput": speeds, "worst_first_seconds": firsts,
                     "underruns": underruns, "silent_seconds": silent}
                )  # fmt: skip
                print(
                    f"{streams:8}{way:>16}{spread(speeds, digits=1):>22}{spread(firsts, 1000):>22}"
                    f"{underruns:11}{silent:10.2f}"
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""
Synthesis side by side: first audio and throughput of our service, of its engine in process, and of Piper's servers.

Piper's own HTTP server needs flask, wyoming-piper an environment of its own. Streams are players: they start with the
first sound, play in real time, and fall silent when the next sound is late.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
from player import Played, Player, Speak
from service import ServiceProcess, other_server, tts
from websockets.sync.client import connect
from wyoming_line import over_wyoming, wyoming_server

from speech_core.models.store import Store
from speech_core.testing.stack import free_port
from speech_tts.engines.piper import PiperEngine
from speech_tts.settings import TtsSettings

_PIPER, _WYOMING = "Piper's server", "wyoming-piper"
_WAYS = ("engine", "socket", "http", _PIPER, _WYOMING)
_TIMEOUT_SECONDS = 300.0
# Streams come within this time, one after the other.
_STAGGER_SECONDS = 0.5

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


def over_http(service: ServiceProcess) -> Speak:
    """The clock starts with the request, on a connection that is there already, as with the socket."""
    client = httpx.Client(base_url=service.url, timeout=_TIMEOUT_SECONDS)

    def speak(text: str) -> Played:
        client.get("/health").raise_for_status()
        player = Player()
        with client.stream("POST", "/api/tts", json={"text": text}) as answer:
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
    command = [sys.executable, "-m", "piper.http_server", "--model", str(model), "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    url = f"http://127.0.0.1:{port}/synthesize"

    def ask() -> None:
        httpx.post(url, json={"text": SHORT}, timeout=_TIMEOUT_SECONDS).raise_for_status()

    with other_server(command, ask, "Piper's server does not start; is flask installed?"):
        yield url


def spread(values: Sequence[float], unit: float = 1.0, digits: int = 0) -> str:
    made = [value * unit for value in values]
    return f"{statistics.median(made):.{digits}f} ({min(made):.{digits}f}-{max(made):.{digits}f})"


def first_audio(ways: dict[str, Speak], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds to the first sound, by text and way."""
    texts = {"a short sentence": SHORT, "a long sentence": LONG, "ten sentences": TEN}
    found: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name in texts}
    for _ in range(rounds):
        for name, text in texts.items():
            for way, speak in random.sample(list(ways.items()), len(ways)):
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


@dataclass(slots=True)
class _Heard:
    """What the listeners of one way have heard, round by round."""

    speeds: list[float] = field(default_factory=list)
    firsts: list[list[float]] = field(default_factory=list)
    underruns: int = 0
    silent_seconds: float = 0.0

    def add(self, played: Sequence[Played], wall_seconds: float) -> None:
        self.speeds.append(sum(one.audio_seconds for one in played) / wall_seconds)
        self.firsts.append([one.first_seconds for one in played])
        self.underruns += sum(one.underruns for one in played)
        self.silent_seconds += sum(one.silent_seconds for one in played)

    def row(self, streams: int, way: str) -> dict[str, object]:
        middle = [statistics.median(one) for one in self.firsts]
        latest = [max(one) for one in self.firsts]
        print(
            f"{streams:8}{way:>16}{spread(self.speeds, digits=1):>22}{spread(middle, 1000):>22}"
            f"{spread(latest, 1000):>22}{self.underruns:11}{self.silent_seconds:10.2f}",
            flush=True,
        )
        return {
            "streams": streams, "way": way, "throughput": self.speeds, "first_seconds": self.firsts,
            "worst_first_seconds": latest, "underruns": self.underruns, "silent_seconds": self.silent_seconds,
        }  # fmt: skip


def many(ways: dict[str, Speak], lanes: int, streams: int, rounds: int) -> list[dict[str, object]]:
    """
    What so many listeners at once hear, a row a way; the ways in turn.

    The engine in process speaks to as many as it has lanes.
    """
    heard = {way: _Heard() for way in ways}
    for _ in range(rounds):
        for way, speak in random.sample(list(ways.items()), len(ways)):
            started = time.perf_counter()
            if way == "engine":
                with ThreadPoolExecutor(lanes) as pool:
                    played = list(pool.map(speak, [TEN] * streams))
            else:
                played = together(speak, streams, _STAGGER_SECONDS)
            heard[way].add(played, time.perf_counter() - started)
    return [one.row(streams, way) for way, one in heard.items()]


def kept(path: Path | None, found: dict[str, Any]) -> None:
    """Write what was found over what was found before of the same: a long table is measured in pieces."""
    if path is None:
        return
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"first_audio": {}, "streams": []}
    new = {(row["streams"], row["way"]) for row in found["streams"]}
    old = [row for row in before["streams"] if (row["streams"], row["way"]) not in new]
    rows = sorted(old + found["streams"], key=lambda row: row["streams"])
    result = {"first_audio": found["first_audio"] or before["first_audio"], "streams": rows}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--first-audio", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--ways", nargs="+", choices=_WAYS, default=["engine", "socket", _PIPER], help="of the streams")
    parser.add_argument("--wyoming", type=Path, help="a Python with wyoming-piper, to hear that too")
    parser.add_argument("--threads", type=int, help="cores of one synthesis")
    parser.add_argument("--json", type=Path, help="what is there of other streams stays")
    arguments = parser.parse_args()
    if _WYOMING in arguments.ways and not arguments.wyoming:
        parser.error("the way wyoming-piper needs --wyoming")
    own = {} if arguments.threads is None else {"threads": arguments.threads}
    settings = TtsSettings(**own)
    with tts(seats=64, **own) as service, piper_server(settings) as piper, ExitStack() as more:
        engine = PiperEngine(settings)
        ways = {
            "engine": in_process(engine),
            "socket": over_socket(service),
            "http": over_http(service),
            _PIPER: over_piper(piper),
        }
        if arguments.wyoming:
            folder = Store(settings.models_dir).find(settings.voice)
            ways[_WYOMING] = over_wyoming(more.enter_context(wyoming_server(arguments.wyoming, folder)))
        for speak in ways.values():
            speak(SHORT)
        if arguments.first_audio:
            kept(arguments.json, {"first_audio": first_audio(ways, arguments.rounds), "streams": []})
        print(
            f"\n{'streams':>8}{'way':>16}{'throughput':>22}{'median first ms':>22}{'latest first ms':>22}"
            f"{'underruns':>11}{'silent s':>10}"
        )
        for streams in arguments.streams:
            asked = {way: ways[way] for way in arguments.ways}
            rows = many(asked, engine.lanes.total, streams, arguments.rounds)
            kept(arguments.json, {"first_audio": {}, "streams": rows})


if __name__ == "__main__":
    main()

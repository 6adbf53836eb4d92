"""
What metrics and traces cost: throughput and CPU of the three services with all of it against none of it.

    python bench/telemetry_cost.py [--rounds 5] [--seconds 10] [--fakes] [--json FILE]

On: every request traced and exported over OTLP to a receiver, metrics scraped every five seconds. Off: no tracing, no
scrape, and a client library whose counters do nothing. Both stacks run; they are loaded in turn, the order changes with
each round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
from service import cpu_seconds, wait_until_healthy

from speech_core.testing.stack import free_port

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "services/asr/tests/data/ljspeech.flac"
TEXT = "The quick brown fox jumps over the lazy dog."
NAMES = ("asr", "tts", "gateway")
CALLERS = 2
SCRAPE_SECONDS = 5.0
# Counters that count nothing, in the place of the client library's own.
WITHOUT_METRICS = """
import runpy
from prometheus_client import values

class Nothing(values.ValueClass):
    def inc(self, *_): pass
    def set(self, *_, **__): pass
    def set_exemplar(self, *_): pass

values.ValueClass = Nothing
runpy.run_module("speech_{name}", run_name="__main__")
"""


@dataclass
class Side:
    """One stack: with telemetry, or without."""

    name: str
    url: str
    management_ports: list[int]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(process.pid) for process in self.processes)


@contextmanager
def receiver() -> Iterator[str]:
    """Takes spans and forgets them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not of interest."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def side(name: str, environment: dict[str, str]) -> Iterator[Side]:
    ports = {service: (free_port(), free_port()) for service in NAMES}
    own = {**os.environ, "LOG_LEVEL": "error", **environment}
    for service, (port, management_port) in ports.items():
        own |= {f"{service.upper()}_PORT": str(port), f"{service.upper()}_MANAGEMENT_PORT": str(management_port)}
    own |= {f"GATEWAY_{service.upper()}_URL": f"http://127.0.0.1:{ports[service][0]}" for service in ("asr", "tts")}
    running = Side(name, f"http://127.0.0.1:{ports['gateway'][0]}", [pair[1] for pair in ports.values()])
    try:
        for service in NAMES:
            run = ["-m", f"speech_{service}"] if name == "on" else ["-c", WITHOUT_METRICS.format(name=service)]
            running.processes.append(subprocess.Popen([sys.executable, *run], env=own))
        wait_until_healthy(running.url)
        yield running
    finally:
        for process in running.processes:
            process.terminate()
        for process in running.processes:
            process.wait(60)


@contextmanager
def scraping(running: Side) -> Iterator[None]:
    """As Prometheus does, where there is something to scrape."""
    ended = Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_SECONDS):
            for port in running.management_ports:
                accept = {"accept": "application/openmetrics-text; version=1.0.0"}
                httpx.get(f"http://127.0.0.1:{port}/metrics", headers=accept)

    thread = Thread(target=scrape)
    if running.name == "on":
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if running.name == "on":
            thread.join()


def speak(client: httpx.Client, url: str) -> None:
    client.post(f"{url}/api/tts", json={"text": TEXT}).raise_for_status()


def transcribe(client: httpx.Client, url: str) -> None:
    client.post(f"{url}/api/stt/bytes", content=CLIP.read_bytes()).raise_for_status()


LOADS: dict[str, Callable[[httpx.Client, str], None]] = {"tts": speak, "stt": transcribe}


def loaded(running: Side, load: str, seconds: float) -> dict[str, float]:
    """Requests a second and CPU seconds a request under callers who ask again and again."""
    until_seconds = time.monotonic() + seconds

    def call() -> int:
        done = 0
        with httpx.Client(timeout=60) as client:
            while time.monotonic() < until_seconds:
                LOADS[load](client, running.url)
                done += 1
        return done

    cpu_seconds, began_seconds = running.cpu_seconds(), time.monotonic()
    with scraping(running), ThreadPoolExecutor(CALLERS) as callers:
        requests = sum(one.result() for one in [callers.submit(call) for _ in range(CALLERS)])
    took_seconds = time.monotonic() - began_seconds
    return {
        "requests_per_second": requests / took_seconds,
        "cpu_ms_per_request": 1000 * (running.cpu_seconds() - cpu_seconds) / requests,
    }


def measured(sides: list[Side], rounds: int, seconds: float) -> dict[str, list[dict[str, dict[str, float]]]]:
    """Of each load, a round at a time, what both sides did."""
    results: dict[str, list[dict[str, dict[str, float]]]] = {load: [] for load in LOADS}
    for one in sides:
        for load in LOADS:
            loaded(one, load, 2)
    for index in range(rounds):
        for load, found in results.items():
            order = sides if index % 2 else sides[::-1]
            found.append({one.name: loaded(one, load, seconds) for one in order})
    return results


def table(results: dict[str, list[dict[str, dict[str, float]]]]) -> None:
    print("| load | what | off | on | on / off: median (range) |\n| --- | --- | --- | --- | --- |")
    for load, rounds in results.items():
        for what in ("requests_per_second", "cpu_ms_per_request"):
            ratios = [one["on"][what] / one["off"][what] for one in rounds]
            off, on = (statistics.median(one[name][what] for one in rounds) for name in ("off", "on"))
            spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
            print(f"| {load} | {what} | {off:.2f} | {on:.2f} | {spread} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--fakes", action="store_true", help="engines that take no time: all that is left is ours")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    engines = {"ASR_ENGINE": "fake", "TTS_ENGINE": "fake", "TTS_OTHER_ENGINES": "[]"} if asked.fakes else {}
    with ExitStack() as stack:
        endpoint = stack.enter_context(receiver())
        off = stack.enter_context(side("off", {**engines, "OTEL_SDK_DISABLED": "true"}))
        on = stack.enter_context(side("on", {**engines, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}))
        results = measured([off, on], asked.rounds, asked.seconds)
    table(results)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

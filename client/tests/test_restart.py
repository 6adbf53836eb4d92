"""`kubespeech up` with services that die: the command as a user starts it, before services of the test's own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import httpx
import pytest

from kubespeech.service import Service

WAIT_SECONDS = 30.0
SERVICES = ("asr", "tts", "gateway")
# Stands in for `python -m speech_<name>`: it answers `/health` with its name and its process.
GOOD = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

NAME = {name!r}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = json.dumps({{"service": NAME, "pid": os.getpid()}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(os.environ[NAME.upper() + "_PORT"])), Handler).serve_forever()
"""


class Up:
    """`kubespeech up` as a process."""

    def __init__(self, folder: Path, ports: dict[str, str], programs: dict[str, str]) -> None:
        self.ports, self.folder = ports, folder
        for name in SERVICES:
            (folder / f"speech_{name}.py").write_text(programs.get(name, GOOD.format(name=name)), encoding="utf-8")
        environment = {**self.ports, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder), "HOME": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kubespeech", "up"],
            env={**environment, "ASR_ENGINE": "fake", "TTS_ENGINE": "fake"},
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def next_line(self) -> str:
        return self._lines.get(timeout=WAIT_SECONDS)

    def wait_all_ready(self) -> None:
        while not self.next_line().startswith("gateway: "):
            pass

    def health(self, name: str) -> dict[str, object]:
        return httpx.get(f"http://127.0.0.1:{self.ports[f'{name.upper()}_PORT']}/health", timeout=5).json()

    def kill(self, name: str) -> None:
        os.kill(int(str(self.health(name)["pid"])), signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """The exit code and what stands on stderr, once it has ended."""
        assert self.process.stderr is not None
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        return code, self.process.stderr.read()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def start_up(tmp_path: Path, free_ports: dict[str, str]) -> Generator[Callable[..., Up]]:
    started: list[Up] = []

    def start(**programs: str) -> Up:
        started.append(Up(tmp_path, free_ports, programs))
        return started[-1]

    yield start
    for up in started:
        up.close()


def test_a_service_that_is_killed_is_started_again_and_the_others_run_on(start_up: Callable[..., Up]) -> None:
    up = start_up()
    up.wait_all_ready()
    before = {name: up.health(name)["pid"] for name in SERVICES}

    up.kill("asr")

    assert up.next_line() == "asr was killed by signal 9; starting it again"
    assert up.next_line().startswith("asr is ready at ")
    after = {name: up.health(name)["pid"] for name in SERVICES}
    assert after["asr"] != before["asr"]
    assert (after["tts"], after["gateway"]) == (before["tts"], before["gateway"])
    up.process.send_signal(signal.SIGINT)
    assert up.end() == (0, "")


def test_a_service_that_ends_a_third_time_within_a_minute_stops_all(start_up: Callable[..., Up]) -> None:
    up = start_up()
    up.wait_all_ready()

    for _ in range(2):
        up.kill("tts")
        assert up.next_line() == "tts was killed by signal 9; starting it again"
        assert up.next_line().startswith("tts is ready at ")
    up.kill("tts")

    log = up.folder / "kubespeech/logs/tts.log"
    line = f"error: tts ended 3 times within a minute; it was killed by signal 9: see {log}\n"
    assert up.end() == (1, line)
    with pytest.raises(httpx.ConnectError):
        up.health("asr")


@pytest.mark.parametrize(
    ("last_words", "told"),
    [
        (["error: the first", '{"event": "x"}', "error: seats (ASR_SEATS): too few", '{"event": "y"}'],
         "error: seats (ASR_SEATS): too few"),
        (['{"event": "error: x"}', "Traceback"], "see {log}"),
        ([], "see {log}"),
    ],
)  # fmt: skip
def test_a_service_that_was_never_ready_stops_all_and_is_quoted_with_one_line(
    start_up: Callable[..., Up], last_words: list[str], told: str
) -> None:
    up = start_up(asr=f"import sys\nprint({chr(10).join(last_words)!r})\nsys.exit(3)\n")

    log = up.folder / "kubespeech/logs/asr.log"
    assert up.end() == (1, f"error: asr ended with 3: {told.format(log=log)}\n")


def test_an_earlier_life_is_not_quoted_for_a_later_end(start_up: Callable[..., Up]) -> None:
    once = """
import pathlib, sys
flag = pathlib.Path("flag")
if flag.exists():
    sys.exit(4)
flag.touch()
print("error: of the first life", flush=True)
"""
    up = start_up(asr=once + GOOD.format(name="asr"))
    up.wait_all_ready()

    up.kill("asr")

    log = up.folder / "kubespeech/logs/asr.log"
    assert up.next_line() == "asr was killed by signal 9; starting it again"
    assert up.next_line() == f"asr ended with 4: see {log}; starting it again"
    assert log.read_text(encoding="utf-8") == "error: of the first life\n"


@pytest.mark.parametrize(
    ("content", "ready"), [({"service": "asr"}, True), ({"service": "tts"}, False), ({}, False), ([], False)]
)
def test_only_its_own_answer_makes_a_service_ready(tmp_path: Path, content: object, ready: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        service = Service("asr", f"http://127.0.0.1:{server.server_address[1]}", tmp_path / "asr.log", {})
        answer = service.ask()
        thread.join(WAIT_SECONDS)

    assert (answer is not None, service.ready) == (ready, ready)

"""The three services as processes of their own, as a user starts them."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from threading import Event

import httpx
from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
_START_SECONDS = 60.0
# Below those that systems give to who connects: thousands do, beside the test that wants a port of its own. Each worker
# of a test run has its own, and gives none twice before all were given: a service takes seconds until it has its port.
_WORKERS = 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_PORTS = range(20_000 + _WORKER, 32_000, _WORKERS)
_turns = cycle(random.sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    for port in islice(_turns, len(_PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Process:
    """One service: where it is, and the process behind it."""

    name: str
    port: int
    management_port: int
    environment: Mapping[str, str]
    host: str = "127.0.0.1"
    log: Path | None = None
    popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", f"speech_{self.name}"]
        with self.log.open("ab") if self.log else nullcontext() as out:
            self.popen = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)

    def wait_ready(self) -> None:
        nap = Event()
        for _ in range(int(_START_SECONDS / 0.1)):
            assert self.popen is not None
            assert self.popen.poll() is None, f"{self.name} ended with {self.popen.returncode}"
            try:
                if httpx.get(f"http://{self.host}:{self.management_port}/readyz", timeout=2).status_code == 200:
                    httpx.get(f"{self.url}/health", timeout=5)
                    return
            except httpx.TransportError:
                pass
            nap.wait(0.1)
        raise AssertionError(f"{self.name} was not ready within {_START_SECONDS} s")

    def kill(self) -> None:
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait(10)

    def stop(self) -> int:
        assert self.popen is not None
        self.popen.terminate()
        try:
            return self.popen.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def end(self) -> None:
        """Stop it, unless it has gone by itself."""
        if self.popen is not None and self.popen.poll() is None:
            self.stop()

    def series(self) -> Series:
        """All of ours that `/metrics` has, by name and labels."""
        text = httpx.get(f"http://{self.host}:{self.management_port}/metrics", timeout=10).text
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("speech_")
        }

    def counted(self, name: str, **labels: str) -> float:
        """The sum over the series of that name that have *labels*."""
        return sum(
            value
            for (found, have), value in self.series().items()
            if found == name and labels.items() <= dict(have).items()
        )

    def resident_bytes(self, *, at_most: bool = False) -> int:
        """Its memory now, or the most that it ever was."""
        assert self.popen is not None
        name = "VmHWM:" if at_most else "VmRSS:"
        status = Path(f"/proc/{self.popen.pid}/status").read_text(encoding="ascii")
        return int(status.partition(name)[2].split()[0]) * 1024


@dataclass
class Stack:
    """The whole."""

    gateway: Process
    asr: Process
    tts: Process

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@contextmanager
def running_stack(*, log: Path | None = None, **settings: str) -> Generator[Stack]:
    """Start the three with *settings* (variables by name) and stop them again; *log* is for the gateway's lines."""
    ports = {name: (free_port(), free_port()) for name in ("gateway", "asr", "tts")}
    environment = {**os.environ, "HOST": "127.0.0.1", "LOG_LEVEL": "warning"}
    for name, (port, management_port) in ports.items():
        environment[f"{name.upper()}_PORT"] = str(port)
        environment[f"{name.upper()}_MANAGEMENT_PORT"] = str(management_port)
    environment["GATEWAY_ASR_URL"] = f"http://127.0.0.1:{ports['asr'][0]}"
    environment["GATEWAY_TTS_URL"] = f"http://127.0.0.1:{ports['tts'][0]}"
    environment |= settings
    stack = Stack(**{name: Process(name, *pair, environment) for name, pair in ports.items()})
    stack.gateway.log = log
    with ExitStack() as cleanup:
        for process in (stack.asr, stack.tts, stack.gateway):
            process.start()
            cleanup.callback(process.end)
        for process in (stack.asr, stack.tts, stack.gateway):
            process.wait_ready()
        yield stack

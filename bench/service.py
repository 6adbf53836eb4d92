"""The asr service as a process of its own, on free ports, with settings of the measurement's."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class AsrProcess:
    """Where it answers, and what can be seen of it from outside."""

    process: subprocess.Popen[bytes]
    port: int
    management_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def resident_bytes(self) -> int:
        """Memory of the service's own process; its decoders come and go."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = httpx.get(f"http://127.0.0.1:{self.management_port}/metrics").text
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def asr(**settings: object) -> Iterator[AsrProcess]:
    """Start it with *settings* (`beam_size=5`), wait until it is ready, and stop it in the end."""
    port, management_port = _free_port(), _free_port()
    own = {f"ASR_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {
        **os.environ,
        "LOG_LEVEL": "error",
        "ASR_PORT": str(port),
        "ASR_MANAGEMENT_PORT": str(management_port),
    }
    process = subprocess.Popen([sys.executable, "-m", "speech_asr"], env=environment | own)
    running = AsrProcess(process, port, management_port)
    try:
        _wait_ready(running)
        yield running
    finally:
        process.terminate()
        process.wait(60)


def _wait_ready(running: AsrProcess) -> None:
    deadline_seconds = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline_seconds and running.process.poll() is None:
        try:
            if httpx.get(f"{running.url}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the asr service did not become ready")

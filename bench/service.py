"""A service as a process of its own, on free ports, with settings of the measurement's."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from speech_core.testing.stack import free_port

# Within which a service that has nothing to do gives its memory back: a beat of its loop.
GIVEN_BACK_SECONDS = 3.0
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ServiceProcess:
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

    def peak_bytes(self) -> int:
        """The most memory since this was last asked (`clear_refs`, proc(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = httpx.get(f"http://127.0.0.1:{self.management_port}/metrics").text
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


def asr(**settings: object) -> AbstractContextManager[ServiceProcess]:
    """Recognition, with *settings* as `beam_size=5`."""
    return _running("asr", settings)


def tts(**settings: object) -> AbstractContextManager[ServiceProcess]:
    """Synthesis, with *settings* as `engine="espeak"`."""
    return _running("tts", settings)


def gateway(**settings: object) -> AbstractContextManager[ServiceProcess]:
    """The way in, with *settings* as `asr_url="http://…"`."""
    return _running("gateway", settings)


@contextmanager
def _running(name: str, settings: Mapping[str, object]) -> Iterator[ServiceProcess]:
    """Start it, wait until it is ready, and stop it in the end."""
    port, management_port = free_port(), free_port()
    prefix = name.upper()
    own = {f"{prefix}_{setting.upper()}": str(value) for setting, value in settings.items()}
    environment = {
        **os.environ,
        "LOG_LEVEL": "error",
        f"{prefix}_PORT": str(port),
        f"{prefix}_MANAGEMENT_PORT": str(management_port),
    }
    process = subprocess.Popen([sys.executable, "-m", f"speech_{name}"], env=environment | own)
    running = ServiceProcess(process, port, management_port)
    try:
        wait_until_healthy(running.url)
        yield running
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def other_server(command: list[str], ask: Callable[[], object], complaint: str) -> Iterator[None]:
    """Somebody else's server, from when *ask* finds it there to the end of the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_seconds = time.monotonic() + _START_SECONDS
    try:
        while True:
            try:
                ask()
                break
            except (OSError, httpx.HTTPError):
                if time.monotonic() > deadline_seconds or process.poll() is not None:
                    raise SystemExit(complaint) from None
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_until_healthy(url: str) -> None:
    """Ends the measurement when that takes too long."""
    deadline_seconds = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline_seconds:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing healthy at {url}")


def cpu_seconds(pid: int) -> float:
    """User and system, since its start, with those of its children that have ended (proc(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

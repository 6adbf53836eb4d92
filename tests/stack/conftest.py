"""The three services as processes of their own, as a user starts them."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import pytest

from speech_core.models.store import Store

CLIP = Path(__file__).parents[2] / "services/asr/tests/data/ljspeech.flac"
_START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        pytest.fail(f"{self.name} was not ready within {_START_SECONDS} s")

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

    def counted(self, series: str) -> float:
        """What `/metrics` says of the first series that begins so."""
        text = httpx.get(f"http://{self.host}:{self.management_port}/metrics", timeout=10).text
        line = next(line for line in text.splitlines() if line.startswith(series))
        return float(line.rsplit(" ", 1)[1])

    def resident_bytes(self) -> int:
        assert self.popen is not None
        pages = Path(f"/proc/{self.popen.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


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
            cleanup.callback(_end, process)
        for process in (stack.asr, stack.tts, stack.gateway):
            process.wait_ready()
        yield stack


def _end(process: Process) -> None:
    if process.popen is not None and process.popen.poll() is None:
        process.stop()


@pytest.fixture(scope="session")
def models() -> None:
    """The default weights, fetched as `make up` fetches them."""
    store = Store(Path("~/.cache/kubespeech/models").expanduser())
    for name in ("whisper-base", "en_US-joe-medium"):
        store.fetch(name)


@pytest.fixture(scope="session")
def stack(models: None) -> Generator[Stack]:
    """The real engines."""
    with running_stack() as running:
        yield running


@contextmanager
def _starting_fakes() -> Generator[Callable[..., Stack]]:
    with ExitStack() as cleanup:
        yield lambda **settings: cleanup.enter_context(
            running_stack(**{"ASR_ENGINE": "fake", "TTS_ENGINE": "fake", **settings})
        )


@pytest.fixture
def start_fakes() -> Generator[Callable[..., Stack]]:
    """The fake engines, with settings of the test's own."""
    with _starting_fakes() as start:
        yield start


@pytest.fixture(scope="module")
def start_module_fakes() -> Generator[Callable[..., Stack]]:
    """The same, for all tests of a module."""
    with _starting_fakes() as start:
        yield start


@pytest.fixture
def start_asr() -> Generator[Callable[[str, int], Process]]:
    """A recognition of its own at an address and port, with the fake engine."""
    with ExitStack() as cleanup:

        def start(host: str, port: int) -> Process:
            management_port = free_port()
            process = Process("asr", port, management_port, {}, host=host)
            process.environment = {
                **os.environ, "HOST": host, "ASR_PORT": str(port), "ASR_MANAGEMENT_PORT": str(management_port),
                "ASR_ENGINE": "fake", "LOG_LEVEL": "warning",
            }  # fmt: skip
            process.start()
            cleanup.callback(_end, process)
            process.wait_ready()
            return process

        yield start


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """A port for a test's own listener."""
    return free_port


@pytest.fixture
def start_stack(models: None) -> Generator[Callable[..., Stack]]:
    """The real engines, with settings of the test's own."""
    with ExitStack() as cleanup:
        yield lambda **settings: cleanup.enter_context(running_stack(**settings))


@pytest.fixture(scope="session")
def clip() -> bytes:
    """A few seconds of human speech in the public domain."""
    return CLIP.read_bytes()

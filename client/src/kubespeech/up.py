"""`kubespeech up`: models, then three processes, a line for each when it is ready, and an orderly end."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType

import httpx
from platformdirs import user_cache_path
from rich.console import Console

from kubespeech.environment import Environment
from kubespeech.progress import shown_progress
from speech_core.models.store import Store

SERVICES = ("asr", "tts", "gateway")
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.2
# A little more than the services' own grace: they decide first.
_STOP_SECONDS = 40.0
_LAST_LINES = 5


class StartFault(Exception):
    """The services cannot be started; the message is one line."""


@dataclass
class Service:
    """One process: where it answers, where it logs."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]
    told: bool = field(default=False)

    def health(self) -> dict[str, list[str]] | None:
        """What it says of itself once it is ready; raises `StartFault` when it has ended."""
        if self.process.poll() is not None:
            raise StartFault(f"{self.name} ended with {self.process.returncode}: {_last_lines(self.log)}")
        try:
            answer = httpx.get(f"{self.url}/health", timeout=2.0)
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None


def run(environment: Environment, console: Console) -> int:
    """Start all and wait; returns the exit code."""
    check_ports(environment)
    store = Store(environment.models_dir)
    with shown_progress(console) as progress:
        for name in environment.models():
            store.fetch(name, progress=progress)
    with _stop_requested() as stop, _started(environment) as services:
        _wait_ready(services, stop, console)
        if not stop.is_set():
            console.print(f"gateway: {services[-1].url}  (Ctrl-C stops all)", highlight=False)
        while not stop.wait(_LOOK_SECONDS):
            for service in services:
                if service.process.poll() is not None:
                    raise StartFault(
                        f"{service.name} ended with {service.process.returncode}: {_last_lines(service.log)}"
                    )
    return 0


def check_ports(environment: Environment) -> None:
    """Raises `StartFault`, naming the variable, for a port that somebody has."""
    for service in SERVICES:
        for suffix, port in (
            ("PORT", environment.port(service)),
            ("MANAGEMENT_PORT", environment.management_port(service)),
        ):
            family = socket.AF_INET6 if ":" in environment.host else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((environment.host, port))
                except OSError as error:
                    raise StartFault(
                        f"port {port} on {environment.host} cannot be used ({error.strerror}); "
                        f"set {service.upper()}_{suffix} to another one"
                    ) from None


@contextmanager
def _stop_requested() -> Generator[Event]:
    """Set by Ctrl-C and SIGTERM."""
    stop = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _started(environment: Environment) -> Generator[Sequence[Service]]:
    folder = user_cache_path("kubespeech") / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    variables = {
        **environment.variables,
        "MODELS_DIR": str(environment.models_dir),
        "GATEWAY_ASR_URL": _url(environment, "asr"),
        "GATEWAY_TTS_URL": _url(environment, "tts"),
    }
    services: list[Service] = []
    try:
        for name in SERVICES:
            log = folder / f"{name}.log"
            with log.open("wb") as output:
                # A session of its own: Ctrl-C comes to us, and we tell them in order.
                process = subprocess.Popen(
                    [sys.executable, "-m", f"speech_{name}"],
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            services.append(Service(name, _url(environment, name), log, process))
        yield services
    finally:
        _stop(services)


def _url(environment: Environment, service: str) -> str:
    host = environment.reachable_host
    return f"http://{f'[{host}]' if ':' in host else host}:{environment.port(service)}"


def _wait_ready(services: Sequence[Service], stop: Event, console: Console) -> None:
    deadline_seconds = time.monotonic() + _START_SECONDS
    while not all(service.told for service in services):
        for service in services:
            if not service.told and (health := service.health()) is not None:
                service.told = True
                parts = [*health.get("engines", []), *health.get("models", [])]
                console.print(f"{service.name} is ready at {service.url}  {' '.join(parts)}", highlight=False)
        if time.monotonic() > deadline_seconds:
            late = ", ".join(service.name for service in services if not service.told)
            raise StartFault(f"{late}: not ready within {_START_SECONDS:.0f} s; see {services[0].log.parent}")
        if stop.wait(_LOOK_SECONDS):
            return


def _stop(services: Sequence[Service]) -> None:
    """The gateway first, so that nobody is sent to a service that is leaving."""
    for service in reversed(services):
        if service.process.poll() is None:
            service.process.terminate()
    for service in services:
        try:
            service.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    complaint = [line for line in lines if line.startswith("error:")]
    return " | ".join(complaint or lines[-_LAST_LINES:]) or "no output"

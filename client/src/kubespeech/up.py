"""`kubespeech up`: models, then three services that are kept running, a line for each change, and an orderly end."""

import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType

from platformdirs import user_cache_path
from rich.console import Console

from kubespeech import StartFault
from kubespeech.environment import SERVICES, Environment
from kubespeech.ports import check_ports
from kubespeech.progress import shown_progress
from kubespeech.service import Service
from speech_core.models.store import Store

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.2
# A little more than the services' own grace: they decide first.
_STOP_SECONDS = 40.0


def run(environment: Environment, console: Console) -> int:
    """Start all and keep them running until we are told to stop; returns the exit code."""
    check_ports(environment)
    store = Store(environment.models_dir)
    with shown_progress(console) as progress:
        for name in environment.models():
            store.fetch(name, progress=progress)
    with _stop_requested() as stop, _started(environment) as services:
        announced = False
        while not stop.wait(_LOOK_SECONDS):
            for service in services:
                _look_after(service, console)
            _check_in_time(services)
            if not announced and all(service.ready for service in services):
                announced = True
                _say(console, f"gateway: {services[-1].url}  (Ctrl-C stops all)")
    return 0


def variables_of(environment: Environment) -> dict[str, str]:
    """The environment of each service: the user's own, and where everything is."""
    return {
        **environment.variables,
        "MODELS_DIR": str(environment.models_dir),
        "GATEWAY_ASR_URL": _url(environment, "asr"),
        "GATEWAY_TTS_URL": _url(environment, "tts"),
    }


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
    variables = variables_of(environment)
    services: list[Service] = []
    try:
        for name in SERVICES:
            service = Service(name, _url(environment, name), folder / f"{name}.log", variables)
            service.start()
            services.append(service)
        yield services
    finally:
        _stop(services)


def _url(environment: Environment, service: str) -> str:
    host = environment.reachable_host
    return f"http://{f'[{host}]' if ':' in host else host}:{environment.port(service)}"


def _look_after(service: Service, console: Console) -> None:
    """Start it again when it has ended; say so when it has become ready."""
    if service.has_ended():
        how = service.restart()
        _say(console, f"{service.name} {how}; starting it again")
    elif not service.ready and (health := service.ask()) is not None:
        parts = [*health.get("engines", []), *health.get("models", [])]
        _say(console, f"{service.name} is ready at {service.url}  {' '.join(parts)}")


def _check_in_time(services: Sequence[Service]) -> None:
    waiting = [service for service in services if not service.ready]
    if any(time.monotonic() - service.started_seconds > _START_SECONDS for service in waiting):
        late = ", ".join(service.name for service in waiting)
        raise StartFault(f"{late}: not ready within {_START_SECONDS:.0f} s; see {waiting[0].log.parent}")


def _stop(services: Sequence[Service]) -> None:
    """All at once: each of them finishes what is in progress, and the gateway sends nobody new."""
    for service in reversed(services):
        if not service.has_ended():
            service.process.terminate()
    for service in services:
        try:
            service.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def _say(console: Console, line: str) -> None:
    """One line stays one, however narrow the terminal."""
    console.print(line, highlight=False, soft_wrap=True, markup=False)

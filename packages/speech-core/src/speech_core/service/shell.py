"""What the parts of one service share."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from starlette.datastructures import Headers

from speech_core.contracts.health import UpstreamHealth
from speech_core.pipeline.admission import Seats
from speech_core.service.drain import Drain
from speech_core.service.metrics import Metrics
from speech_core.service.settings import ServiceSettings
from speech_core.service.tracing import Tracer


def _never() -> bool:
    return False


def _no_lease(headers: Headers) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the service answers with: shown by `/health`."""

    engines: Sequence[str] = ()
    models: Sequence[str] = ()


@dataclass(slots=True)
class Heartbeat:
    """When the event loop last turned, on the monotonic clock; read by the management thread."""

    last_beat_seconds: float = 0.0


@dataclass(slots=True)
class Shell:
    """
    Seats, drain, metrics, traces and state of one service.

    *admit* lets a request in by its headers, beside its seat, or raises `Overloaded`; what it holds is the handler's
    `request.state.lease`. *stuck* says, from any thread, that only a new process can help. *upstreams*, if set, asks
    the services behind this one for their health; *fault* is why it could not start.
    """

    name: str
    settings: ServiceSettings
    seats: Seats
    metrics: Metrics
    drain: Drain = field(default_factory=Drain)
    tracer: Tracer = field(default_factory=Tracer)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    loaded: Loaded = field(default_factory=Loaded)
    sockets: int = 0
    started: bool = False
    ended: bool = False
    fault: str | None = None
    admit: Callable[[Headers], AbstractContextManager[object]] = _no_lease
    stuck: Callable[[], bool] = _never
    upstreams: Callable[[], Awaitable[dict[str, UpstreamHealth]]] | None = None

    @property
    def ready(self) -> bool:
        """Warmed up and not leaving."""
        return self.started and not self.drain.draining


def shell_for(name: str, settings: ServiceSettings, operations: Sequence[str]) -> Shell:
    """A shell with as many seats as the settings say; *operations* are the labels that its metrics start with."""
    metrics = Metrics(name, operations)
    metrics.capacity(settings.seats)
    shell = Shell(name=name, settings=settings, seats=Seats(settings.seats), metrics=metrics)
    metrics.observe(sockets=lambda: shell.sockets, ready=lambda: shell.ready, dropped=lambda: shell.tracer.dropped)
    return shell

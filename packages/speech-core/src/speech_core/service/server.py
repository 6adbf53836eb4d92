"""A service as a process: settings, logs, the server with its bounds, probes, and the drain on SIGTERM."""

import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from speech_core import __version__
from speech_core.service import logs
from speech_core.service.http_protocol import BoundedHttpProtocol
from speech_core.service.management import managed
from speech_core.service.memory import bound_allocator, settle
from speech_core.service.settings import ServiceSettings, SettingsError
from speech_core.service.shell import Shell
from speech_core.service.tracing import tracer_for
from speech_core.service.ws_protocol import BoundedWebSocketProtocol

S = TypeVar("S", bound=ServiceSettings)

SOCKET_MESSAGE_BYTES = 64 * 1024
# After the grace: how long the answers that say `draining` may take to go out.
_LAST_WORDS_SECONDS = 3
# Longer than a load balancer's or our own client's idle time, so that the client closes first and no request races.
_KEEP_ALIVE_SECONDS = 75
# Well below the idle time of any proxy.
_PING_SECONDS = 15.0
_UNKNOWN_FAULT = "the service could not start; its log says why"


def config(app: FastAPI, *, host: str, port: int, stalled_seconds: float) -> uvicorn.Config:
    """The server's configuration: the same in a pod and in a test."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedHttpProtocol,
        ws=BoundedWebSocketProtocol,
        ws_max_size=SOCKET_MESSAGE_BYTES,
        # Saves a sixth of the bytes of speech and costs a core for some hundred streams.
        ws_per_message_deflate=False,
        ws_ping_interval=min(_PING_SECONDS, stalled_seconds),
        # Who does not read a socket answers no ping.
        ws_ping_timeout=stalled_seconds,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_WORDS_SECONDS,
    )


class Server(uvicorn.Server):
    """uvicorn that finishes what is in progress before it closes its door."""

    def __init__(
        self, configuration: uvicorn.Config, shell: Shell, *, on_startup: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(configuration)
        self._shell = shell
        self._on_startup = on_startup
        self._stop_requested = False
        self._deadline_seconds = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        stalled_milliseconds = int(self._shell.settings.stalled_seconds * 1000)
        for sock in (sock for door in self.servers for sock in door.sockets):
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Inherited by each connection: who reads nothing for so long is cut off by Linux (tcp(7)).
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stalled_milliseconds)
        self._on_startup()

    def request_stop(self) -> None:
        """Begin the drain; may be called from a signal handler or another thread."""
        self._stop_requested = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._stop_requested:
            super().handle_exit(sig, frame)  # asked twice: go at once
        self.request_stop()

    async def on_tick(self, counter: int) -> bool:
        if self._stop_requested:
            self._leave()
        elif self._shell.ended:
            self.should_exit = True  # what the handlers need has broken down: better no service than one that hangs
        return await super().on_tick(counter)

    def _leave(self) -> None:
        drain, now_seconds = self._shell.drain, time.monotonic()
        if not drain.draining:
            drain.begin()
            self._deadline_seconds = now_seconds + self._shell.settings.grace_seconds
        if drain.inside == 0 or now_seconds >= self._deadline_seconds + _LAST_WORDS_SECONDS:
            self.should_exit = True
        elif now_seconds >= self._deadline_seconds:
            drain.expire()


def main(kind: type[S], create_app: Callable[[S], FastAPI]) -> None:
    """Run a service until it is told to stop; exits with 2 and one line when it cannot start."""
    bound_allocator()
    try:
        settings = kind.load()
        app = create_app(settings)
        shell: Shell = app.state.shell
        shell.tracer = tracer_for(shell.name, __version__)
    except SettingsError as error:
        sys.exit(_complain(str(error)))
    logs.configure(settings, shell.name)
    configuration = config(app, host=settings.host, port=settings.port, stalled_seconds=settings.stalled_seconds)
    server = Server(configuration, shell, on_startup=settle)
    try:
        with managed(shell, settings.host, settings.management_port):
            server.run()
    except SystemExit:  # the server's own way to say that it could not start: by us, or by its port
        sys.exit(_complain(shell.fault or _why_not(server, settings)))
    except OSError as error:
        sys.exit(_complain(f"management port {settings.management_port}: {error.strerror}"))
    finally:
        shell.tracer.close()
    if not server.started:
        sys.exit(_complain(shell.fault or _UNKNOWN_FAULT))


def _why_not(server: Server, settings: ServiceSettings) -> str:
    # The lifespan comes before the port: when it has begun well, the port is what failed.
    if server.lifespan.should_exit:
        return _UNKNOWN_FAULT
    return f"port {settings.port} on {settings.host} cannot be used"


def _complain(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return 2

"""A real server in a thread, with production's configuration: for departures, back-pressure and shutdown."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from fastapi import FastAPI

from speech_core.service.server import Server, config
from speech_core.service.settings import ServiceSettings
from speech_core.service.shell import Shell, shell_for
from speech_core.testing.waiting import wait_until

_START_SECONDS = 30.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where the server listens."""

    port: int
    server: Server
    shell: Shell
    stopped: Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def drain(self) -> None:
        """What SIGTERM does, and begun when this returns; `stopped` is set when the server has gone."""
        self.server.request_stop()
        wait_until(lambda: self.shell.drain.draining)


class _Announcing(Server):
    """Says when it listens, so that nobody has to ask again and again."""

    def __init__(self, app: FastAPI, shell: Shell, *, host: str, port: int) -> None:
        stalled_seconds = shell.settings.stalled_seconds
        super().__init__(config(app, host=host, port=port, stalled_seconds=stalled_seconds), shell)
        self.ready = Event()

    async def main_loop(self) -> None:
        self.ready.set()
        await super().main_loop()


@contextmanager
def live_server(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> Generator[LiveServer]:
    """Serve *app* (of `service.app.build`, or a plain one for a fake) on the loopback, by default on a free port."""
    shell: Shell = getattr(app.state, "shell", None) or shell_for("fake", ServiceSettings(grace_seconds=1), ())
    server, stopped = _Announcing(app, shell, host=host, port=port), Event()

    def serve() -> None:
        try:
            server.run()
        finally:
            server.ready.set()
            stopped.set()

    thread = Thread(target=serve, name="live-server", daemon=True)
    thread.start()
    assert server.ready.wait(_START_SECONDS), "the server did not start"
    assert server.started, "the server failed to start; see its log"
    try:
        yield LiveServer(server.servers[0].sockets[0].getsockname()[1], server, shell, stopped)
    finally:
        server.request_stop()
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        assert not thread.is_alive(), "the server did not stop"

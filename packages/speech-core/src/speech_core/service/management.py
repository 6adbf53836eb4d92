"""`/metrics`, `/livez` and `/readyz` on a port and a thread of their own: a busy event loop cannot fail a probe."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client.exposition import choose_encoder

from speech_core.service.shell import Shell

# A loop that has not turned for this long is stuck: the longest blocking step on it takes milliseconds.
STUCK_SECONDS = 30.0
_SOCKET_SECONDS = 10.0


@contextmanager
def managed(shell: Shell, host: str, port: int) -> Generator[int]:
    """Answer probes and scrapes while the block runs; yields the port. Raises `OSError` when it is taken."""
    server = _Server((host, port), _handler(shell))
    thread = Thread(target=server.serve_forever, name="management", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def alive(shell: Shell, *, now_seconds: float) -> bool:
    """Whether the event loop turns and nothing is stuck; before the service has started there is nothing to judge."""
    turns = now_seconds - shell.heartbeat.last_beat_seconds < STUCK_SECONDS
    return not shell.started or (turns and not shell.stuck())


def _handler(shell: Shell) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SOCKET_SECONDS

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._say(alive(shell, now_seconds=time.monotonic()), "stuck")
                case "/readyz":
                    self._say(shell.ready, "draining" if shell.drain.draining else "starting")
                case "/metrics":
                    encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                    self._answer(HTTPStatus.OK, encode(shell.metrics.registry), content_type)
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, b"/livez /readyz /metrics\n", "text/plain")

        do_HEAD = do_GET

        def _say(self, good: bool, otherwise: str) -> None:
            status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, f"{'ok' if good else otherwise}\n".encode(), "text/plain")

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds: not worth a line."""

    return Handler

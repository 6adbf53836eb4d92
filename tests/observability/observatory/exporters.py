"""Exporters that are not ours, played from files: kube-state-metrics, the kubelet, KEDA, NVIDIA's DCGM."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

FOLDER = Path(__file__).parents[1] / "exporters"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.prom")))


def played(text: str, seconds: float) -> str:
    """The exposition after *seconds*: what stands for a counter in the file is what it grows by in a second."""
    counters: set[str] = set()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("# TYPE ") and line.endswith(" counter"):
            counters.add(line.split()[2])
        elif line and not line.startswith("#") and line.partition("{")[0] in counters:
            labels, _, value = line.rpartition(" ")
            line = f"{labels} {float(value) * seconds:.6f}"
        lines.append(line)
    return "\n".join(lines) + "\n"


@contextmanager
def running_exporters() -> Generator[str]:
    """Serve each file at its name; yields host and port."""
    started_seconds = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = FOLDER / f"{self.path.strip('/')}.prom"
            body = played(path.read_text(encoding="utf-8"), time.monotonic() - started_seconds).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A scrape a second is not worth a line."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

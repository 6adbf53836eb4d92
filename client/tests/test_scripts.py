"""The two scripts, as a user starts them, against servers that do not do what they should."""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

CLIENT = Path(__file__).parents[1]
NOWHERE = "127.0.0.1:1"
REFUSAL = json.dumps({"error": {"message": "tts cannot be reached"}})
READY = '{"type": "ready"}'
START = json.dumps({"type": "start", "sample_rate": 8000, "channels": 1, "format": "pcm_s16le"})
END = '{"type": "end", "audio_seconds": 0.1}'
ERROR = '{"type": "error", "error": {"message": "`text` is empty"}}'
SOUND = bytes(1600)


def run(script: str, *arguments: str, out: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CLIENT / script), *arguments, "--out", str(out)],
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def check_one_line(ran: subprocess.CompletedProcess[str], complaint: str) -> None:
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: ")
    assert complaint in ran.stderr
    assert ran.stderr.count("\n") == 1


@contextmanager
def socket_server(*messages: str | bytes | None, refusal: tuple[int, str] | None = None) -> Generator[str]:
    """Sends *messages* once it has been asked (None breaks the connection off), or answers by HTTP."""

    def handle(connection: ServerConnection) -> None:
        connection.recv(timeout=30)
        for message in messages:
            if message is None:
                break_off(connection.socket)
                return
            connection.send(message)

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return None if refusal is None else connection.respond(HTTPStatus(refusal[0]), refusal[1])

    with serve(handle, "127.0.0.1", 0, process_request=refuse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws/tts"
        server.shutdown()
        thread.join(30)


@contextmanager
def http_server(status: int, parts: list[bytes], *, whole: bool = True) -> Generator[str]:
    """Answers with *parts*; without the end of the answer unless it is *whole*."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for part in parts:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            if whole:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/echo-bytes"
    server.shutdown()
    server.server_close()
    thread.join(30)


def break_off(connection: socket.socket) -> None:
    """Reset, as when the process behind it is killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


SPEAKING: Mapping[str, tuple[Callable[[], AbstractContextManager[str]], str]] = {
    "nothing to speak": (lambda: socket_server(READY, END), "there is nothing to speak in this text"),
    "an error event": (lambda: socket_server(READY, ERROR), "`text` is empty"),
    "an error in the middle": (lambda: socket_server(READY, START, SOUND, ERROR), "`text` is empty"),
    "503 with words": (lambda: socket_server(refusal=(503, REFUSAL)), "tts cannot be reached"),
    "403 without": (lambda: socket_server(refusal=(403, "no")), "403 Forbidden"),
    "closed in the middle": (lambda: socket_server(READY, START, SOUND), "closed in the middle"),
    "reset in the middle": (lambda: socket_server(READY, START, SOUND, None), "closed in the middle"),
}


@pytest.mark.parametrize("case", SPEAKING)
def test_stream_tts_ends_with_one_line(case: str, tmp_path: Path) -> None:
    server, complaint = SPEAKING[case]

    with server() as url:
        ran = run("stream_tts.py", "hi", "--url", url, out=tmp_path / "out.wav")

    check_one_line(ran, complaint)


ECHOING: Mapping[str, tuple[Callable[[], AbstractContextManager[str]], str]] = {
    "503 with words": (lambda: http_server(503, [REFUSAL.encode()]), "tts cannot be reached"),
    "403 without": (lambda: http_server(403, [b"no"]), "403 Forbidden"),
    "nothing to speak": (lambda: http_server(200, []), "there is nothing to speak in this recording"),
    "closed in the middle": (lambda: http_server(200, [SOUND], whole=False), "closed in the middle"),
}


@pytest.mark.parametrize("case", ECHOING)
def test_echo_bytes_ends_with_one_line(case: str, tmp_path: Path) -> None:
    server, complaint = ECHOING[case]

    with server() as url:
        ran = run("echo_bytes.py", "--url", url, out=tmp_path / "out.wav")

    check_one_line(ran, complaint)


@pytest.mark.parametrize("out", ["/nowhere/out.wav", "/dev/full"])
def test_a_file_that_cannot_be_written_is_one_line(out: str) -> None:
    with socket_server(READY, START, SOUND, END) as url:
        spoken = run("stream_tts.py", "hi", "--url", url, out=out)
    with http_server(200, [SOUND]) as url:
        echoed = run("echo_bytes.py", "--url", url, out=out)

    complaint = "No space left" if out == "/dev/full" else f"No such file or directory: '{out}'"
    check_one_line(spoken, complaint)
    check_one_line(echoed, complaint)


@pytest.mark.parametrize(("script", "scheme"), [("stream_tts.py", "ws"), ("echo_bytes.py", "http")])
def test_nobody_there_is_one_line(script: str, scheme: str, tmp_path: Path) -> None:
    ran = run(script, "--url", f"{scheme}://{NOWHERE}/", out=tmp_path / "out.wav")

    check_one_line(ran, "onnection refused")
    assert NOWHERE in ran.stderr
    assert "object at" not in ran.stderr


def test_what_was_spoken_is_in_the_file(tmp_path: Path) -> None:
    with socket_server(READY, START, SOUND, END) as url:
        ran = run("stream_tts.py", "hi", "--url", url, out=tmp_path / "out.wav")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "0.10 s of audio" in ran.stdout
    assert (tmp_path / "out.wav").stat().st_size == 44 + len(SOUND)

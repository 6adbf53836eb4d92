import json
import subprocess
import sys
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from kubespeech import calls

ERROR = {
    "error": {"message": "no voice `x`", "type": "invalid_request_error", "param": "voice", "code": "unknown_voice"}
}
EVENTS = 'event: segment\ndata: {"text": "hi", "start_ms": 0}\n\nevent: done\ndata: {"text": "hi"}\n\n'


@pytest.fixture
def gateway() -> Generator[str]:
    """Answers as a gateway does; a request with `x` in it is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            refused = b'"x"' in body or "voice=x" in self.path
            content = json.dumps(ERROR).encode() if refused else EVENTS.encode()
            self.send_response(400 if refused else 200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    path.write_bytes(b"audio")
    return path


def test_speech_is_saved_as_it_comes(gateway: str, tmp_path: Path) -> None:
    heard = calls.speak(gateway, {"text": "hi"}, tmp_path / "out.wav")

    assert heard.n_bytes == (tmp_path / "out.wav").stat().st_size == len(EVENTS)


def test_a_refusal_is_the_gateways_own_words(gateway: str, tmp_path: Path) -> None:
    with pytest.raises(calls.Refused, match=r"no voice `x` \(unknown_voice, 400\)"):
        calls.speak(gateway, {"text": "hi", "voice": "x"}, tmp_path / "out.wav")


def test_events_come_by_name(gateway: str, recording: Path) -> None:
    assert [name for name, _ in calls.transcribe(gateway, recording, None)] == ["segment", "done"]


def test_an_ending_that_is_no_format_is_refused(recording: Path) -> None:
    with pytest.raises(calls.Refused, match="the ending must be one of aac, flac, mp3, opus, pcm, wav"):
        calls.format_of(recording.with_suffix(".doc"))


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["say", "hi", "--voice", "x"], 1, "error: no voice `x`"),
        (["transcribe", "/nowhere.wav"], 1, "error: /nowhere.wav: No such file"),
        (["models", "fetch", "nobody"], 1, "error: no model 'nobody' in the catalogue"),
        (["models", "list"], 0, ""),
    ],
)
def test_the_command_fails_with_one_line(gateway: str, tmp_path: Path, arguments, code, complaint) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kubespeech", *arguments],
        env={"KUBESPEECH_URL": gateway, "MODELS_DIR": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.returncode == code
    assert ran.stderr.startswith(complaint)
    assert ran.stderr.count("\n") <= 1


def test_no_gateway_is_one_line(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kubespeech", "say", "hi", "--url", "http://127.0.0.1:1"],
        env={}, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr.startswith("error: the gateway cannot be reached")) == (1, True)

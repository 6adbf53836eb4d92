"""wyoming-piper as Home Assistant runs it: in an environment of its own, with a voice that is there, no network."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

from player import Played, Player, Speak
from service import other_server

from speech_core.testing.stack import free_port

_TIMEOUT_SECONDS = 300.0


@contextmanager
def wyoming_server(python: Path, folder: Path) -> Iterator[int]:
    """Start it by *python* for the voice in *folder*; yields its port."""
    port, voice = free_port(), next(folder.glob("*.onnx")).stem
    command = [str(python), "-m", "wyoming_piper", "--voice", voice, "--data-dir", str(folder), "--local-files-only"]
    command += ["--uri", f"tcp://127.0.0.1:{port}"]
    with other_server(command, lambda: create_connection(("127.0.0.1", port)).close(), "wyoming-piper does not start"):
        yield port


def over_wyoming(port: int) -> Speak:
    """One connection a text; an event is a line of JSON, then its data, then its sound."""

    def speak(text: str) -> Played:
        with create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as line, line.makefile("rwb") as file:
            player = Player()
            file.write(json.dumps({"type": "synthesize", "data": {"text": text}}).encode() + b"\n")
            file.flush()
            while True:
                event = json.loads(file.readline())
                file.read(event.get("data_length") or 0)
                sound = file.read(event.get("payload_length") or 0)
                if event["type"] == "audio-chunk":
                    player.take(sound)
                elif event["type"] in ("audio-stop", "error"):
                    return player.played()

    return speak

"""A client of `/ws/tts`, as small as one can be."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from speech_core.testing.live import LiveServer

_EVENT_SECONDS = 10


@contextmanager
def opened(live: LiveServer) -> Generator[ClientConnection]:
    """A socket that has said that it is ready."""
    with connect(f"{live.ws_url}/ws/tts", compression=None, proxy=None) as socket:
        assert json.loads(socket.recv(timeout=_EVENT_SECONDS))["type"] == "ready"
        yield socket


def send(socket: ClientConnection, **message: object) -> None:
    """One message."""
    socket.send(json.dumps(message))


def until(socket: ClientConnection, kind: str) -> tuple[bytes, dict[str, Any]]:
    """The sound up to the next event of that kind, and the event."""
    sound = b""
    while True:
        message = socket.recv(timeout=_EVENT_SECONDS)
        if isinstance(message, bytes):
            sound += message
        elif (event := json.loads(message))["type"] == kind:
            return sound, event

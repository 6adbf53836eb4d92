"""What one gateway process holds: of an upload of any size, and of sockets on which nothing happens."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import httpx
import pytest
from fastapi import FastAPI, Request
from websockets.sync.client import connect

from speech_core.testing.live import LiveServer, live_server

pytestmark = pytest.mark.timeout(180)

PART = bytes(1 << 20)
UPLOAD_BYTES = 1 << 30
IDLE_SOCKETS = 200
# What is promised of each.
ADDED_BY_AN_UPLOAD_BYTES, IDLE_SOCKET_BYTES = 32 << 20, 100 << 10


@pytest.fixture
def counting() -> Generator[LiveServer]:
    """In the place of asr: it says how much it was sent, and keeps nothing."""
    app = FastAPI()

    @app.post("/api/stt/bytes")
    async def count(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(part) async for part in request.stream()])}

    with live_server(app) as server:
        yield server


def parts(size_bytes: int) -> Iterator[bytes]:
    for _ in range(size_bytes // len(PART)):
        yield PART


def uploaded(url: str, size_bytes: int) -> int:
    headers = {"content-length": str(size_bytes)}
    answer = httpx.post(f"{url}/api/stt/bytes", content=parts(size_bytes), headers=headers, timeout=150)
    return answer.json()["bytes"]


def test_200_idle_sockets_and_an_upload_of_a_gibibyte_are_held_in_little(start_fakes, counting) -> None:
    stack = start_fakes(GATEWAY_ASR_URL=counting.url, TTS_MAX_SOCKETS="1000")
    gateway = stack.gateway
    uploaded(stack.url, len(PART))
    with ExitStack() as idle:

        def hold() -> None:
            socket = idle.enter_context(connect(f"{stack.ws_url}/ws/tts", compression=None))
            assert '"ready"' in socket.recv(timeout=20)

        hold()
        before_bytes = gateway.resident_bytes()
        for _ in range(IDLE_SOCKETS):
            hold()
        with_sockets_bytes = gateway.resident_bytes()

        assert uploaded(stack.url, UPLOAD_BYTES) == UPLOAD_BYTES
        assert gateway.counted("speech_sockets") == IDLE_SOCKETS + 1

    assert with_sockets_bytes - before_bytes <= IDLE_SOCKETS * IDLE_SOCKET_BYTES
    assert gateway.resident_bytes(at_most=True) - with_sockets_bytes <= ADDED_BY_AN_UPLOAD_BYTES

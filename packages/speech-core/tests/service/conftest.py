"""A small service inside the real shell, with gates in the place of an engine."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from speech_core.contracts.speech import SpeechRequest
from speech_core.errors import InvalidRequest, Unavailable
from speech_core.service.app import build
from speech_core.service.operations import Operation
from speech_core.service.settings import ServiceSettings
from speech_core.service.shell import Loaded, Shell, shell_for
from speech_core.testing.live import LiveServer, live_server


@dataclass
class Toy:
    """What happens inside, as events that a test can wait for."""

    app: FastAPI
    shell: Shell
    entered: Event = field(default_factory=Event)
    left: Event = field(default_factory=Event)
    gate: Event = field(default_factory=Event)


OPERATIONS = (
    Operation("say", "/say", 1_000, "text", "text_too_long"),
    Operation("count", "/count", 1_000_000, "file"),
    Operation("wait", "/wait", 1_000_000),
    Operation("stream", "/stream", 1_000),
    Operation("fail", "/fail", 1_000_000),
    Operation("socket", "/socket", websocket=True),
)


async def parts(*, cut: bool) -> AsyncGenerator[bytes]:
    """An answer in two parts, of which the second may be missing."""
    yield b"first"
    if cut:
        raise Unavailable("the engine broke", code="engine_failed")
    yield b"second"


def make_toy(settings: ServiceSettings) -> Toy:
    shell = shell_for("toy", settings, [operation.name for operation in OPERATIONS])
    router = APIRouter()

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        shell.loaded = Loaded(["toy"], ["model"])
        yield {}

    toy = Toy(build(shell=shell, operations=OPERATIONS, routers=[router], resources=resources), shell)

    @router.post("/say")
    async def say(request: SpeechRequest) -> dict[str, str]:
        return {"text": request.text}

    @router.post("/count")
    async def count(request: Request) -> dict[str, int]:
        toy.entered.set()
        return {"bytes": sum([len(part) async for part in request.stream()])}

    @router.post("/wait")
    async def wait() -> dict[str, bool]:
        toy.entered.set()
        try:
            await anyio.to_thread.run_sync(toy.gate.wait, abandon_on_cancel=True)
        finally:
            toy.left.set()
        return {"done": True}

    @router.post("/stream")
    async def stream(*, cut: bool = True) -> StreamingResponse:
        return StreamingResponse(parts(cut=cut))

    @router.post("/fail")
    async def fail(kind: str) -> None:
        if kind == "foreseen":
            raise InvalidRequest("not like that", code="bad_audio", param="file")
        raise RuntimeError("nobody foresaw this")

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await shell.drain.wait_begun()
        await websocket.close(1001)

    toy.app.include_router(router)
    return toy


@pytest.fixture
def make() -> Callable[..., Toy]:
    return lambda **settings: make_toy(ServiceSettings(**settings))


@pytest.fixture
def toy(make: Callable[..., Toy]) -> Toy:
    return make(seats=2, body_timeout_seconds=0.2, grace_seconds=20)


@pytest.fixture
def live(toy: Toy) -> Generator[LiveServer]:
    with live_server(toy.app) as server:
        yield server
        toy.gate.set()

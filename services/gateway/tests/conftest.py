"""Stand-ins of the two services, with gates, on real servers; and the gateway before them."""

import json
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.websockets import WebSocketDisconnect

from speech_core.testing.live import LiveServer, live_server
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings


def segment(text: str, *, final: bool = False) -> str:
    content = {"start_ms": 0, "end_ms": 1000, "text": text, "type": "segment", "language": "en", "final": final}
    return f"event: segment\ndata: {json.dumps(content)}\n\n"


# Of each body, so that what a stand-in holds is not taken for what the gateway holds.
KEPT_BYTES = 1 << 16
DONE = "event: done\ndata: {}\n\n"


async def reached(event: Event) -> None:
    """Wait for a thread's event without holding the loop."""
    await anyio.to_thread.run_sync(event.wait, 20, abandon_on_cancel=True)


@dataclass
class Fake:
    """One service: what it was asked, and events by which a test steers it."""

    app: FastAPI = field(default_factory=FastAPI)
    requests: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    left: Event = field(default_factory=Event)
    gate: Event = field(default_factory=Event)
    script: list[str] = field(default_factory=lambda: [segment("one.", final=True), DONE])
    refusal: tuple[int, dict[str, Any]] | None = None

    def note(self, request: Request) -> None:
        self.requests.append({"path": request.url.path, "query": request.url.query, "headers": dict(request.headers)})


def fake_asr() -> Fake:
    """Answers with the events of its script; the word GATE in it waits for the gate, BREAK breaks off."""
    fake = Fake()

    add_lists(fake, {"/v1/models": {"data": [{"id": "whisper-1"}]}})

    @fake.app.post("/v1/audio/transcriptions")
    @fake.app.post("/v1/audio/translations")
    @fake.app.post("/api/stt/bytes")
    async def transcribe(request: Request):
        fake.note(request)
        if fake.refusal is not None:
            return JSONResponse(fake.refusal[1], fake.refusal[0], headers={"retry-after-ms": "1500"})
        size_bytes = await keep(fake, request)
        if "text/event-stream" not in request.headers.get("accept", ""):
            return JSONResponse({"bytes": size_bytes}, headers={"x-audio-seconds": "1.5"})
        return StreamingResponse(events(), media_type="text/event-stream")

    async def events() -> AsyncGenerator[str]:
        try:
            for line in fake.script:
                if line == "GATE":
                    await reached(fake.gate)
                elif line == "BREAK":
                    raise RuntimeError("broken off")
                else:
                    yield line
        finally:
            fake.left.set()

    return fake


def add_lists(fake: Fake, lists: dict[str, dict[str, Any]]) -> None:
    """Small answers, unless there is a refusal."""

    async def listed(request: Request):
        if fake.refusal is not None:
            return JSONResponse(fake.refusal[1], fake.refusal[0])
        return lists[request.url.path]

    for path in lists:
        fake.app.get(path)(listed)


async def keep(fake: Fake, request: Request) -> int:
    """Note the start of the body; the size of all of it."""
    head, size_bytes = b"", 0
    async for part in request.stream():
        size_bytes += len(part)
        head += part[: KEPT_BYTES - len(head)]
    fake.bodies.append(head)
    return size_bytes


def fake_tts() -> Fake:
    """Says each line of the body back as `<line>` as soon as it is there; its socket echoes frames."""
    fake = Fake()

    voice = {"id": "piper/joe", "name": "joe", "language": "en-US", "engine": "piper"}
    add_lists(
        fake,
        {
            "/v1/models": {"data": [{"id": "tts-1"}]},
            "/v1/models/tts-1": {"id": "tts-1"},
            "/v1/audio/voices": {"voices": [voice]},
        },
    )

    @fake.app.post("/v1/audio/speech")
    @fake.app.post("/api/tts")
    async def speak(request: Request):
        fake.note(request)
        if fake.refusal is not None:
            return JSONResponse(fake.refusal[1], fake.refusal[0])
        lines = said(fake, request)
        first = await anext(lines)

        async def sound() -> AsyncGenerator[bytes]:
            yield b"HEAD" + first
            async for line in lines:
                yield line

        return Answer(sound(), media_type="audio/wav")

    add_socket(fake)
    return fake


async def said(fake: Fake, request: Request) -> AsyncGenerator[bytes]:
    """Each line of the body as soon as it is there."""
    held = b""
    try:
        async for part in request.stream():
            *whole, held = (held + part).split(b"\n")
            for line in whole:
                if line == b"WAIT":
                    await reached(fake.gate)
                if line:
                    yield b"<" + line + b">"
        if held:
            yield b"<" + held + b">"
    finally:
        fake.left.set()


def add_socket(fake: Fake) -> None:
    """Echoes frames; some words make it do something else."""

    async def act(websocket: WebSocket, text: str) -> None:
        match text:
            case "binary":
                await websocket.send_bytes(b"\0\1\2")
            case "break":
                raise RuntimeError("broken off")
            case "gate":
                await reached(fake.gate)
                await websocket.send_text('{"type":"end"}')
            case _ if text.startswith("frames "):
                _, count, size_bytes = text.split()
                for _ in range(int(count)):
                    await websocket.send_bytes(bytes(int(size_bytes)))
            case _:
                await websocket.send_text(text)

    @fake.app.websocket("/ws/tts")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        fake.requests.append({"headers": dict(websocket.headers)})
        try:
            while not (text := await websocket.receive_text()).startswith("close"):
                await act(websocket, text)
            await websocket.close(int(text.partition(" ")[2]))
        except WebSocketDisconnect:
            fake.left.set()


class Answer(StreamingResponse):
    """Leaves the request's body to its generator, as our services do."""

    async def __call__(self, scope, receive, send) -> None:
        await self.stream_response(send)


@dataclass
class Net:
    """The gateway and what is behind it."""

    asr: Fake
    tts: Fake
    asr_live: LiveServer
    tts_live: LiveServer
    gateway: LiveServer

    @property
    def url(self) -> str:
        return self.gateway.url


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def make_asr() -> Callable[[], Fake]:
    """A stand-in of asr for each call."""
    return fake_asr


@pytest.fixture
def net() -> Generator[Net]:
    asr, tts = fake_asr(), fake_tts()
    with ExitStack() as servers:
        asr_live, tts_live = (servers.enter_context(live_server(fake.app)) for fake in (asr, tts))
        settings = GatewaySettings(asr_url=asr_live.url, tts_url=tts_live.url)
        gateway = servers.enter_context(live_server(create_app(settings)))
        yield Net(asr, tts, asr_live, tts_live, gateway)
        asr.gate.set()
        tts.gate.set()

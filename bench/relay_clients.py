"""Which client a relay in Python should use: the same bare relay with aiohttp, and with httpx and websockets."""

import argparse
import json
import os
import statistics
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import httpx
from fastapi import FastAPI, Request, Response, WebSocket
from gateway import Measured, frames, idle, upload
from relays import OTHER_CPU, started, upstream
from starlette.websockets import WebSocketDisconnect
from uvicorn import Server
from websockets.asyncio.client import connect

from speech_core.service.server import config

KINDS = ("aiohttp", "httpx+websockets")
_MIB = 1 << 20


def relay(kind: str, upstream_port: int) -> FastAPI:
    """Nothing but passing on, as the gateway does it, by the clients of *kind*."""
    address = f"127.0.0.1:{upstream_port}"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            if kind == "aiohttp":
                app.state.http = await stack.enter_async_context(aiohttp.ClientSession())
            else:
                app.state.http = await stack.enter_async_context(httpx.AsyncClient(timeout=None))
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> str:
        return kind

    @app.post("/api/stt/bytes")
    async def pass_on(request: Request) -> Response:
        url, length = f"http://{address}/api/stt/bytes", {"content-length": request.headers["content-length"]}
        if kind == "aiohttp":
            async with app.state.http.post(url, data=request.stream(), headers=length) as answer:
                return Response(await answer.read())
        answer = await app.state.http.post(url, content=request.stream(), headers=length)
        return Response(answer.content)

    @app.websocket("/ws/tts")
    async def join(here: WebSocket) -> None:
        await here.accept()
        url = f"ws://{address}/ws/tts"
        if kind == "aiohttp":
            async with app.state.http.ws_connect(url, compress=0) as there:
                await _both_ways(here, there.send_str, _of_aiohttp(there))
        else:
            async with connect(url, compression=None) as there:
                await _both_ways(here, there.send, there)

    return app


async def _of_aiohttp(there: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[str | bytes]:
    async for message in there:
        yield message.data


async def _both_ways(here: WebSocket, send, messages) -> None:
    async def from_caller(scope: anyio.CancelScope) -> None:
        try:
            while True:
                await send(await here.receive_text())
        except WebSocketDisconnect:
            scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(from_caller, tasks.cancel_scope)
        async for message in messages:
            await (here.send_bytes(message) if isinstance(message, bytes) else here.send_text(message))


def measured(kind: str, port: int, upload_mib: int) -> Measured:
    found: Measured = {}
    for cell in (frames, lambda one: upload(one, upload_mib * _MIB), idle):
        with started([sys.executable, __file__, "--serve", kind, "--upstream", str(port)]) as running:
            found |= cell(running)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--upload-mib", type=int, default=256)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", choices=KINDS)
    parser.add_argument("--upstream", type=int)
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    if arguments.serve:
        app = relay(arguments.serve, arguments.upstream)
        Server(config(app, host="127.0.0.1", port=arguments.port, stalled_seconds=30)).run()
        return 0
    os.sched_setaffinity(0, {OTHER_CPU})
    rounds: list[dict[str, Measured]] = []
    with upstream() as port:
        for number in range(arguments.rounds):
            order = KINDS if number % 2 == 0 else KINDS[::-1]
            rounds.append({kind: measured(kind, port, arguments.upload_mib) for kind in order})
    for name in rounds[0][KINDS[0]]:
        first, second = ([one[kind][name] for one in rounds] for kind in KINDS)
        told = [f"{kind} {statistics.median(all_):.2f} ({min(all_):.2f}-{max(all_):.2f})"
                for kind, all_ in zip(KINDS, (first, second), strict=True)]  # fmt: skip
        print(f"{name:16} {'   '.join(told)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A service without a model, for what stands behind a relay: it sends frames at a pace, and forgets what it gets."""

import asyncio
import json
import sys

from fastapi import FastAPI, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect
from uvicorn import Server

from speech_core.service.memory import settle
from speech_core.service.server import config

# 40 ms of speech at 22,050 Hz.
FRAME = bytes(1_764)
_ANSWER = bytes(2_048)

app = FastAPI()


@app.get("/health")
async def health() -> dict[str, object]:
    return {"status": "ok", "engines": [], "models": []}


@app.post("/api/stt/bytes")
async def swallow(request: Request) -> dict[str, int]:
    size_bytes = 0
    async for part in request.stream():
        size_bytes += len(part)
    return {"bytes": size_bytes}


@app.post("/api/tts")
async def answer(request: Request) -> Response:
    await request.body()
    return Response(_ANSWER, media_type="audio/pcm")


@app.websocket("/ws/tts")
async def frames(websocket: WebSocket) -> None:
    """`{"frames": N, "every_seconds": S}` → so many binary frames at that pace, and `end`."""
    await websocket.accept()
    try:
        while True:
            asked = json.loads(await websocket.receive_text())
            for _ in range(asked["frames"]):
                await websocket.send_bytes(FRAME)
                await asyncio.sleep(asked["every_seconds"])
            await websocket.send_text('{"type":"end"}')
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    settle()  # as our services do: a full collection would be taken for the relay's
    Server(config(app, host="127.0.0.1", port=int(sys.argv[1]), stalled_seconds=30)).run()

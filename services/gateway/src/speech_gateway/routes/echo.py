"""`POST /api/echo-bytes`: a recording in, the same words spoken out, from the first segment on."""

import base64
import json
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from speech_core.contracts.openapi import AUDIO, BINARY, EVENTS, described
from speech_core.contracts.speech import SampleRateHz, SpeechFormat, Speed
from speech_core.contracts.transcription import SegmentEvent
from speech_core.errors import SpeechError, envelope
from speech_core.service.observation import current
from speech_core.service.operations import Operation
from speech_gateway.echo.clock import OPERATION, Clocked
from speech_gateway.echo.join import Join, Speaker
from speech_gateway.routes.relay import has_body
from speech_gateway.upstreams.service import Upstreams

router = APIRouter(tags=["echo"])


def operation(max_audio_bytes: int) -> Operation:
    return Operation(OPERATION, "/api/echo-bytes", max_audio_bytes, "file", "audio_too_large")


class EchoQuery(BaseModel):
    """How it is spoken, and what is known of the recording (*lang*, *sr*, *ch*, *fmt*: see the asr service)."""

    model_config = ConfigDict(extra="forbid")

    voice: str | None = None
    language: str | None = None
    speed: Speed = 1.0
    format: SpeechFormat = "wav"
    sample_rate: SampleRateHz | None = None
    lang: str | None = None
    sr: str | None = None
    ch: str | None = None
    fmt: str | None = None

    def recognition(self) -> dict[str, str]:
        return _query(self.model_dump(include={"lang", "sr", "ch", "fmt"}, exclude_none=True))

    def speech(self) -> dict[str, str]:
        return _query(self.model_dump(exclude={"lang", "sr", "ch", "fmt"}, exclude_none=True))


def _query(fields: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


_DESCRIBED = described(
    {"application/octet-stream": {"schema": BINARY}},
    {**AUDIO, "text/event-stream": EVENTS},
    "the sound, or the events `transcript`, `start`, `audio`, `done` and `error`",
)


@router.post("/api/echo-bytes", response_class=Response, openapi_extra=_DESCRIBED)
async def echo(request: Request, query: Annotated[EchoQuery, Query()]) -> Response:
    """The words of the recording, spoken; with `Accept: text/event-stream`, transcripts and audio as events."""
    upstreams: Upstreams = request.state.upstreams
    join = Join(upstreams, recognition=query.recognition(), speech=query.speech())
    as_events = "text/event-stream" in request.headers.get("accept", "")
    return _Echo(request, join, as_events=as_events)


class _Echo(Response):
    """An answer that starts once there is something to hear; what fails before that is an ordinary error."""

    def __init__(self, request: Request, join: Join, *, as_events: bool) -> None:
        super().__init__()
        self._request = request
        self._join = join
        self._as_events = as_events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        voice = Events(send) if self._as_events else _Audio(send)
        clocked = Clocked(voice, self._request.state.first_audio)
        body = clocked.listened(self._request.stream()) if has_body(self._request) else None
        try:
            await self._join.run(self._request, body, voice.hear, clocked)
        except SpeechError as error:
            if not await voice.fail(error):
                raise
        else:
            await voice.end()
        finally:
            clocked.end()


class _Audio(Speaker):
    """One audio stream."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def hear(self, segment: SegmentEvent) -> None:
        """The listener gets sound only."""

    async def begin(self, content_type: str, transcript: str | None) -> None:
        headers = [(b"content-type", content_type.encode("ascii"))]
        if transcript is not None:
            headers.append((b"x-transcript", transcript.encode("ascii")))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def say(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def fail(self, error: SpeechError) -> bool:
        """Raised on: before the first byte it is answered, after it the stream is cut."""
        return False

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


class Events(Speaker):
    """Events `transcript` and `audio`, then `done` or `error`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = anyio.Lock()
        self._begun = False
        self._early: list[SegmentEvent] = []

    async def hear(self, segment: SegmentEvent) -> None:
        if not self._begun:
            self._early.append(segment)
            return
        await self._event("transcript", segment.model_dump_json(exclude_none=True))

    async def begin(self, content_type: str, transcript: str | None) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._catch_up()
        await self._event("start", json.dumps({"content_type": content_type}))
        await self._catch_up()
        self._begun = True

    async def _catch_up(self) -> None:
        """With what was heard before, and meanwhile, in its order."""
        while self._early:
            segment = self._early.pop(0)
            await self._event("transcript", segment.model_dump_json(exclude_none=True))

    async def say(self, part: bytes) -> None:
        await self._event("audio", json.dumps({"audio": base64.b64encode(part).decode("ascii")}))

    async def fail(self, error: SpeechError) -> bool:
        if not self._begun:
            return False
        current().failed(error)
        await self._event("error", json.dumps({"type": "error", **envelope(error)}))
        await self._send({"type": "http.response.body", "body": b""})
        return True

    async def end(self) -> None:
        await self._event("done", "{}")
        await self._send({"type": "http.response.body", "body": b""})

    async def _event(self, name: str, content: str) -> None:
        async with self._lock:
            data = f"event: {name}\ndata: {content}\n\n".encode()
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

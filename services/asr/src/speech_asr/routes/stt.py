"""`POST /api/stt/bytes`: an audio file in, text out, as one answer or as events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from speech_asr import render
from speech_asr.engines import Task
from speech_asr.hearing import Event, Recording, last
from speech_asr.languages import code_of
from speech_asr.pipeline import Pipeline
from speech_core.codec.decode import RawAudio, SampleFormat
from speech_core.contracts.openapi import BINARY, EVENTS, described, schema
from speech_core.contracts.transcription import Transcription
from speech_core.service.operations import Operation
from speech_core.service.streaming import EventStream, begun

router = APIRouter(tags=["transcription"])

_SPEECH_HZ, _TELEPHONE_HZ = 16_000, 8_000


def operation(max_audio_bytes: int) -> Operation:
    return Operation("stt", "/api/stt/bytes", max_audio_bytes, "file", "audio_too_large")


class TranscriptionQuery(BaseModel):
    """
    What is said beside the audio.

    *sr* (8000 for mulaw and alaw, else 16000), *ch* (1) and *fmt* (s16le) describe samples without a container.
    """

    model_config = ConfigDict(extra="forbid")

    lang: str | None = None
    words: bool = False
    multichannel: bool = False
    sr: Annotated[int, Field(ge=1_000, le=384_000)] | None = None
    ch: Annotated[int, Field(ge=1, le=8)] | None = None
    fmt: str | None = None


_DESCRIBED = described(
    {"application/octet-stream": {"schema": BINARY}},
    {"application/json": {"schema": schema(Transcription, answered=True)}, "text/event-stream": EVENTS},
    "the transcription, or the events `segment`, `progress`, `done` and `error`",
)


@router.post("/api/stt/bytes", openapi_extra=_DESCRIBED, response_class=Response)
async def transcribe(request: Request, query: Annotated[TranscriptionQuery, Query()]) -> Response:
    """Recognize the body; with `Accept: text/event-stream`, segments are sent as they are recognized."""
    pipeline: Pipeline = request.state.pipeline
    recording = _recording(query, pipeline.engine.languages)
    events = pipeline.recognize(request.stream(), lambda: recording, request.state.lease)
    if "text/event-stream" in request.headers.get("accept", ""):
        told = await begun(_told(events))
        return EventStream(told, headers=render.stream_headers(request.state.lease))
    done = await last(events)
    body = render.transcription(done).model_dump_json(exclude_none=True)
    return Response(body, media_type="application/json", headers=render.audio_headers(done))


def _recording(query: TranscriptionQuery, languages: frozenset[str]) -> Recording:
    task = Task(code_of(query.lang, languages, param="lang"), query.words)
    if query.sr is None and query.ch is None and query.fmt is None:
        return Recording(task, multichannel=query.multichannel)
    usual_hz = _TELEPHONE_HZ if query.fmt in ("mulaw", "alaw") else _SPEECH_HZ
    raw = RawAudio(query.sr or usual_hz, query.ch or 1, cast("SampleFormat", query.fmt or "s16le"))
    return Recording(task, raw, query.multichannel)


async def _told(events: AsyncGenerator[Event]) -> AsyncGenerator[tuple[str, str]]:
    async with aclosing(events):
        async for event in events:
            told = render.event(event)
            yield told.type, told.model_dump_json(exclude_none=True)

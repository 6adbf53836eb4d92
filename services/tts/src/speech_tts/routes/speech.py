"""`POST /api/tts`: text in, an audio file out while it is being made."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from speech_core.codec.encode import encoder_for
from speech_core.contracts.openapi import AUDIO, described, schema
from speech_core.contracts.speech import SampleRateHz, SpeechFormat, SpeechRequest, Speed
from speech_core.errors import UnsupportedMediaType
from speech_core.service.operations import Operation
from speech_core.service.streaming import ClosingResponse, begun
from speech_tts.lines import only, read_lines
from speech_tts.pipeline import Pipeline, Speech
from speech_tts.routes.body import content_type_of, read_as

# Text that is still being written may go on for as long as a book; it is never held.
MAX_BODY_BYTES = 64 * 1024 * 1024
OPERATION = Operation("tts", "/api/tts", MAX_BODY_BYTES, "text", "text_too_long")

router = APIRouter(tags=["speech"])


class SpeechQuery(BaseModel):
    """What a `text/plain` request says beside its text."""

    model_config = ConfigDict(extra="forbid")

    voice: str | None = None
    language: str | None = None
    speed: Speed = 1.0
    format: SpeechFormat = "pcm"
    sample_rate: SampleRateHz | None = None


_DESCRIBED = described(
    {
        "application/json": {"schema": schema(SpeechRequest)},
        "text/plain": {"schema": {"type": "string", "description": "each line is spoken as soon as it is there"}},
    },
    AUDIO,
    "the sound, while it is being made",
)


@router.post("/api/tts", response_class=StreamingResponse, openapi_extra=_DESCRIBED)
async def create_speech(request: Request, query: Annotated[SpeechQuery, Query()]) -> StreamingResponse:
    """Speak the JSON's `text`, or the lines of a `text/plain` body as they arrive. The answer is one audio stream."""
    pipeline: Pipeline = request.state.pipeline
    lines, asked = await _read(request, query, pipeline)
    speech = Speech(pipeline.voices.choose(asked.voice, asked.language), asked.speed)
    encoder = encoder_for(asked.format, speech.voice.format, sample_rate_hz=asked.sample_rate)
    body = pipeline.encode(lines, pipeline.begin(speech, operation=OPERATION.name), encoder)
    headers = {"x-text-characters": str(len(asked.text))} if isinstance(asked, SpeechRequest) else None
    return ClosingResponse(await begun(body), media_type=encoder.content_type, headers=headers)


async def _read(
    request: Request, query: SpeechQuery, pipeline: Pipeline
) -> tuple[AsyncIterator[str], SpeechQuery | SpeechRequest]:
    content_type = content_type_of(request)
    if content_type == "text/plain":
        return read_lines(request.stream(), check=pipeline.check_text), query
    if content_type != "application/json":
        raise UnsupportedMediaType("send application/json, or text/plain for lines of text")
    asked = await read_as(SpeechRequest, request, param="text")
    return only(pipeline.check_text(asked.text)), asked

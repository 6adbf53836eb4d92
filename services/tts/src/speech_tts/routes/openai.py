"""`POST /v1/audio/speech`: OpenAI's API over the same pipeline (openai-python, `types/audio/speech_create_params`)."""

import base64
import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from speech_core.codec.encode import encoder_for
from speech_core.contracts.openapi import AUDIO, EVENTS, described, schema
from speech_core.contracts.speech import MAX_JSON_BYTES, SpeechFormat, Speed
from speech_core.errors import SpeechError, UnsupportedMediaType
from speech_core.service.operations import Operation
from speech_core.service.streaming import ClosingResponse, EventStream, begun
from speech_tts.lines import only
from speech_tts.pipeline import Pipeline, Speech
from speech_tts.routes.body import content_type_of, read_as
from speech_tts.routes.lists import engine_of

OPERATION = Operation("speech", "/v1/audio/speech", MAX_JSON_BYTES, "input", "text_too_long")
# OpenAI's pcm has this rate, and its clients rely on it.
_PCM_RATE_HZ = 24_000
# For `usage`, which has to be in tokens: about four letters of text, and a fiftieth of a second of sound.
_LETTERS_A_TOKEN, _TOKENS_PER_SECOND = 4, 50

router = APIRouter(tags=["openai"])


class NamedVoice(BaseModel):
    """A voice by its id."""

    model_config = ConfigDict(extra="ignore")

    id: str


class CreateSpeech(BaseModel):
    """The fields that are heeded; others that OpenAI's clients may send are accepted. *language* is ours."""

    model_config = ConfigDict(extra="ignore")

    input: str
    model: str | None = None
    voice: str | NamedVoice | None = None
    language: str | None = None
    response_format: SpeechFormat = "mp3"
    speed: Speed = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


_DESCRIBED = described(
    {"application/json": {"schema": schema(CreateSpeech)}},
    {**AUDIO, "text/event-stream": EVENTS},
    "the sound, while it is being made; with `stream_format=sse` as events",
)


@router.post("/v1/audio/speech", response_class=Response, openapi_extra=_DESCRIBED)
async def create_speech(request: Request) -> Response:
    """OpenAI's: `input` is spoken and streamed; `stream_format=sse` sends it as events."""
    pipeline: Pipeline = request.state.pipeline
    if content_type_of(request) != "application/json":
        raise UnsupportedMediaType("send application/json")
    asked = await read_as(CreateSpeech, request, param="input")
    text = pipeline.check_text(asked.input, param="input")
    name = asked.voice.id if isinstance(asked.voice, NamedVoice) else asked.voice
    engine = engine_of(asked.model, pipeline, request.state.settings)
    speech = Speech(pipeline.voices.choose(name, asked.language, engine=engine), asked.speed)
    rate_hz = _PCM_RATE_HZ if asked.response_format == "pcm" else None
    encoder = encoder_for(asked.response_format, speech.voice.format, sample_rate_hz=rate_hz)
    talk = pipeline.begin(speech, operation=OPERATION.name)
    sound = await begun(_blaming_input(pipeline.encode(only(text), talk, encoder)))
    headers = {"x-text-characters": str(len(text))}
    if asked.stream_format == "audio":
        return ClosingResponse(sound, media_type=encoder.content_type, headers=headers)

    async def events() -> AsyncGenerator[tuple[str, str]]:
        async with aclosing(sound):
            async for part in sound:
                yield _event("speech.audio.delta", audio=base64.b64encode(part).decode())
        heard, said = math.ceil(len(text) / _LETTERS_A_TOKEN), math.ceil(talk.audio_seconds * _TOKENS_PER_SECOND)
        usage = {"input_tokens": heard, "output_tokens": said, "total_tokens": heard + said}
        yield _event("speech.audio.done", usage=usage)

    return EventStream(events(), headers=headers)


async def _blaming_input(sound: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What is wrong with the text is told by the name that it has here."""
    async with aclosing(sound):
        try:
            async for part in sound:
                yield part
        except SpeechError as error:
            if error.param == "text":
                error.param = "input"
            raise


def _event(kind: str, **content: object) -> tuple[str, str]:
    return kind, json.dumps({"type": kind, **content})

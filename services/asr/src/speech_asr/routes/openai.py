"""`POST /v1/audio/transcriptions` and `/v1/audio/translations`: OpenAI's API over the same pipeline."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from speech_asr.engines import Task
from speech_asr.form import Form
from speech_asr.hearing import Recording, last
from speech_asr.languages import code_of
from speech_asr.openai import TaskName, TranscriptionForm, answer, read_form, stream
from speech_asr.pipeline import Pipeline
from speech_asr.render import audio_headers, stream_headers
from speech_asr.routes.lists import check_model
from speech_asr.settings import AsrSettings
from speech_core.contracts.openapi import BINARY, EVENTS, described, schema
from speech_core.contracts.transcription import MAX_FILE_BYTES, MAX_FORM_BYTES
from speech_core.service.operations import Operation
from speech_core.service.streaming import EventStream, begun

router = APIRouter(tags=["openai"])

Stream = Annotated[str | None, Query(description="As in the form, which goes before it; `?stream` alone is `true`.")]

OPERATIONS = (
    Operation("transcriptions", "/v1/audio/transcriptions", MAX_FORM_BYTES, "file", "audio_too_large"),
    Operation("translations", "/v1/audio/translations", MAX_FORM_BYTES, "file", "audio_too_large"),
)


def _described() -> dict[str, Any]:
    form = schema(TranscriptionForm)
    form["properties"] = {"file": BINARY, **form["properties"]}
    form["required"] = ["file"]
    text = {"schema": {"type": "string"}}
    answers = {
        "application/json": {"schema": {"type": "object"}},
        "text/plain": text,
        "application/x-subrip": text,
        "text/vtt": text,
        "text/event-stream": EVENTS,
    }
    return described({"multipart/form-data": {"schema": form}}, answers, "by `response_format`, and by `stream`")


@router.post("/v1/audio/transcriptions", openapi_extra=_described(), response_class=Response)
async def create_transcription(request: Request, stream: Stream = None) -> Response:
    """OpenAI's: json, text, srt, vtt, verbose_json; `stream=true` for deltas; with `multichannel`, diarized_json."""
    return await _recognize(request, "transcribe", stream)


@router.post("/v1/audio/translations", openapi_extra=_described(), response_class=Response)
async def create_translation(request: Request, stream: Stream = None) -> Response:
    """OpenAI's: into English."""
    return await _recognize(request, "translate", stream)


async def _recognize(request: Request, task: TaskName, in_query: str | None) -> Response:
    pipeline: Pipeline = request.state.pipeline
    settings: AsrSettings = request.state.settings
    form = Form(request.headers.get("content-type", ""), max_file_bytes=MAX_FILE_BYTES)
    languages = pipeline.engine.languages
    read: list[TranscriptionForm] = []

    def recording() -> Recording:
        fields = form.fields
        if in_query is not None and not any(fields.get("stream", [])):
            fields = fields | {"stream": [in_query or "true"]}
        read.append(read_form(fields, task=task))
        return _recording(read[0], task, languages, settings)

    events = await begun(pipeline.recognize(form.file(request.stream()), recording, request.state.lease))
    (asked,) = read
    if asked.stream:
        return EventStream(stream(events, asked, task=task), headers=stream_headers(request.state.lease))
    whole = await last(events)
    content_type, body = answer(whole, asked, task=task)
    return Response(body, media_type=content_type, headers=audio_headers(whole))


def _recording(form: TranscriptionForm, task: TaskName, languages: frozenset[str], settings: AsrSettings) -> Recording:
    if form.model is not None:
        check_model(form.model, settings)
    named = [code_of(name, languages, param="languages") for name in form.languages]
    among = tuple(dict.fromkeys(code for code in named if code))
    only = among[0] if len(among) == 1 else None
    return Recording(
        Task(
            language=code_of(form.language, languages, param="language") or only,
            among=among,
            words="word" in form.timestamp_granularities,
            translate=task == "translate",
            prompt=form.prompt,
            temperature=form.temperature,
        ),
        multichannel=form.multichannel,
    )

"""OpenAI's transcription API: its form, its answers, its events (openai-python, `types/audio`)."""

import json
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speech_asr import captions
from speech_asr.hearing import Event, Heard, Progress, Whole
from speech_asr.languages import NAMES
from speech_asr.segments import Segment, joined
from speech_core.errors import InvalidRequest

TaskName = Literal["transcribe", "translate"]
ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"]
# What can be said piece by piece.
_STREAMED = ("json", "text", "diarized_json")
_CONTROL = "<|"
_LISTS = frozenset({"timestamp_granularities", "languages"})
# Positions of Whisper's encoder: what a second of audio costs the model.
_AUDIO_TOKENS_PER_SECOND = 50


class TranscriptionForm(BaseModel):
    """The fields that are heeded; others that OpenAI's clients may send are accepted. *multichannel* is ours."""

    model_config = ConfigDict(extra="ignore")

    model: str | None = None
    language: str | None = None
    languages: list[str] = []
    prompt: str | None = None
    response_format: ResponseFormat = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    timestamp_granularities: list[Literal["word", "segment"]] = ["segment"]
    stream: bool = False
    multichannel: bool = False


def read_form(fields: dict[str, list[str]], *, task: TaskName) -> TranscriptionForm:
    """The form's fields, checked; raises `InvalidRequest` that names the field."""
    last = {name: values if name in _LISTS else values[-1] for name, values in fields.items()}
    # An empty field is how some clients leave one out.
    given = {name: value for name, value in last.items() if value not in ("", [""])}
    try:
        form = TranscriptionForm.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InvalidRequest(f"`{name}`: {first['msg']}", param=name) from None
    if form.stream and form.response_format not in _STREAMED:
        raise InvalidRequest(f"`stream` goes with {', '.join(_STREAMED)}", param="stream")
    if form.multichannel and form.stream and form.response_format != "diarized_json":
        raise InvalidRequest("`stream` of several channels needs `response_format=diarized_json`", param="stream")
    if form.prompt and _CONTROL in form.prompt:
        raise InvalidRequest(f"`prompt` must not hold `{_CONTROL}`: it begins Whisper's control tokens", param="prompt")
    if form.response_format == "diarized_json" and task == "translate":
        raise InvalidRequest("`diarized_json` is not for translations", param="response_format")
    if form.response_format == "diarized_json" and not form.multichannel:
        raise InvalidRequest(
            "speakers are told apart by channel only: send `multichannel=true` with audio of two channels or more",
            param="response_format",
        )
    return form


def answer(whole: Whole, form: TranscriptionForm, *, task: TaskName) -> tuple[str, str]:
    """Content type and body."""
    match form.response_format:
        case "text":
            return "text/plain; charset=utf-8", f"{joined(whole.segments)}\n"
        case "srt":
            return "application/x-subrip; charset=utf-8", captions.srt(whole.segments)
        case "vtt":
            return "text/vtt; charset=utf-8", captions.vtt(whole.segments)
        case "json":
            body = {"text": joined(whole.segments), **_languages(whole, task), "usage": _duration(whole)}
        case "verbose_json":
            body = _verbose(whole, form, task)
        case "diarized_json":
            body = _diarized(whole)
    return "application/json", json.dumps(body, ensure_ascii=False)


def _languages(whole: Whole, task: TaskName) -> dict[str, Any]:
    """As `gpt-transcribe` tells them; a translation has none."""
    if task == "translate":
        return {}
    return {"languages": [{"code": whole.language}] if whole.language else []}


def _duration(whole: Whole) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(whole.duration_seconds)}


def _verbose(whole: Whole, form: TranscriptionForm, task: TaskName) -> dict[str, Any]:
    # A translation is English, whatever was spoken.
    language = "en" if task == "translate" else whole.language
    body: dict[str, Any] = {
        "task": task,
        "language": NAMES.get(language or "", language or ""),
        "duration": round(whole.duration_seconds, 3),
        "text": joined(whole.segments),
    }
    if "segment" in form.timestamp_granularities:
        body["segments"] = [_segment(index, segment) for index, segment in enumerate(whole.segments)]
    if "word" in form.timestamp_granularities:
        spoken = [(word, segment) for segment in whole.segments for word in segment.words or ()]
        if form.multichannel:
            spoken.sort(key=lambda each: each[0].start_seconds)
        body["words"] = [
            {"word": word.text, "start": round(word.start_seconds, 3), "end": round(word.end_seconds, 3)}
            | _channel(segment)
            for word, segment in spoken
        ]
    return body | {"usage": _duration(whole)}


def _segment(index: int, segment: Segment) -> dict[str, Any]:
    decoded = segment.decoded
    return {
        "id": index,
        "seek": decoded.seek if decoded else 0,
        "start": round(segment.start_seconds, 3),
        "end": round(segment.end_seconds, 3),
        # With the space that joins it to the one before, as Whisper writes it.
        "text": f" {segment.text}",
        "tokens": list(decoded.tokens) if decoded else [],
        "temperature": decoded.temperature if decoded else 0.0,
        "avg_logprob": decoded.avg_logprob if decoded else 0.0,
        "compression_ratio": decoded.compression_ratio if decoded else 0.0,
        "no_speech_prob": decoded.no_speech_prob if decoded else 0.0,
    } | _channel(segment)


def _channel(segment: Segment) -> dict[str, int]:
    """Ours: which of the channels it was heard in, where they are told apart."""
    return {} if segment.channel is None else {"channel": segment.channel}


def _diarized(whole: Whole) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(whole.duration_seconds, 3),
        "text": joined(whole.segments),
        "segments": [_spoken(index, segment) for index, segment in enumerate(whole.segments)],
        "usage": _duration(whole),
    }


def _spoken(index: int, segment: Segment) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{index}",
        "start": round(segment.start_seconds, 3),
        "end": round(segment.end_seconds, 3),
        "text": segment.text,
        "speaker": segment.speaker,
    }


async def stream(
    events: AsyncGenerator[Event], form: TranscriptionForm, *, task: TaskName
) -> AsyncGenerator[tuple[str, str]]:
    """Deltas (or the segments of speakers) as they are recognized; at the end the whole text, with our `coverage`."""
    index = 0
    async with aclosing(events):
        async for event in events:
            match event:
                case Heard(segment=segment):
                    if form.response_format == "diarized_json":
                        yield _event(_spoken(index, segment))
                    else:
                        delta = f"{' ' if index else ''}{segment.text}"
                        yield _event({"type": "transcript.text.delta", "delta": delta})
                    index += 1
                case Whole():
                    told = {"text": joined(event.segments), **_languages(event, task), "usage": _tokens(event)}
                    covered = event.coverage.told().model_dump()
                    yield _event({"type": "transcript.text.done", **told, "coverage": covered})
                case Progress():
                    pass


def _event(body: dict[str, Any]) -> tuple[str, str]:
    return body["type"], json.dumps(body, ensure_ascii=False)


def _tokens(whole: Whole) -> dict[str, Any]:
    heard = math.ceil(whole.duration_seconds * _AUDIO_TOKENS_PER_SECOND)
    said = _count(whole.segments)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": said,
        "total_tokens": heard + said,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }


def _count(segments: Sequence[Segment]) -> int:
    return sum(len(segment.decoded.tokens) for segment in segments if segment.decoded)

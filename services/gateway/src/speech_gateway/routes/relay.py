"""`/api/tts`, `/api/stt/bytes` and OpenAI's `/v1/audio`: passed on, byte for byte."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from speech_core.contracts.speech import MAX_JSON_BYTES
from speech_core.contracts.transcription import MAX_FORM_BYTES
from speech_core.service.observation import current
from speech_core.service.operations import Operation
from speech_core.service.streaming import ClosingResponse, begun
from speech_gateway.accounts import Account
from speech_gateway.headers import to_caller, to_upstream
from speech_gateway.routes.error_watch import EnvelopeWatch, ErrorWatch, HeardWatch
from speech_gateway.sound_length import SoundLength
from speech_gateway.upstreams.service import Service

# As the services themselves bound them; a book may be spoken line by line.
TTS = Operation("tts", "/api/tts", 64 * 1024 * 1024, "text", "text_too_long")
SPEECH = Operation("speech", "/v1/audio/speech", MAX_JSON_BYTES, "input", "text_too_long")
TRANSCRIPTIONS = Operation("transcriptions", "/v1/audio/transcriptions", MAX_FORM_BYTES, "file")
TRANSLATIONS = Operation("translations", "/v1/audio/translations", MAX_FORM_BYTES, "file")


def stt(max_audio_bytes: int) -> Operation:
    return Operation("stt", "/api/stt/bytes", max_audio_bytes, "file", "audio_too_large")


class _Relayed:
    """
    An endpoint that passes on to the service of that name.

    Plain ASGI: what a framework's endpoint does for a request costs a third of what passing it on does.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await relay(request, getattr(request.state.upstreams, self._service))
        await answer(scope, receive, send)


# They are described as the services describe them: see description.py.
ROUTES = [
    *(Route(path, _Relayed("tts"), methods=["POST"]) for path in ("/api/tts", "/v1/audio/speech")),
    *(
        Route(path, _Relayed("asr"), methods=["POST"])
        for path in ("/api/stt/bytes", "/v1/audio/transcriptions", "/v1/audio/translations")
    ),
]


async def relay(request: Request, service: Service) -> Response:
    """The same request there, its answer here, both as streams."""
    path = request.scope["raw_path"].decode("ascii")
    query = request.scope["query_string"].decode("ascii")
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(
            service.request(
                f"{path}?{query}" if query else path,
                headers=to_upstream(request.headers, request.state.request_id),
                body=_counted(request) if has_body(request) else None,
            )
        )
        if answer.status == 503:  # by its code it is a refusal, or a failure
            raise await service.refusal(answer)
        account: Account = request.state.account
        seen = _Seen(answer, account)
        # A service that goes between the head of its answer and the rest has given none.
        body = await begun(_passed_on(service, answer, seen, stack.pop_all()))
        seen.heard_seconds = _use(account, answer.headers)
    return ClosingResponse(body, answer.status, to_caller(answer.headers))


def _use(account: Account, headers: Mapping[str, str]) -> float:
    """What the service says that it has heard, or is to speak; returns the seconds of it."""
    if characters := headers.get("x-text-characters"):
        account.spoke(int(characters))
    audio_seconds = float(headers.get("x-audio-seconds", 0))
    if audio_seconds:
        account.heard(audio_seconds)
        current().fields["audio_seconds"] = audio_seconds
    return audio_seconds


async def _counted(request: Request) -> AsyncGenerator[bytes]:
    """The body as it is; of text that is still being written, each character is counted as it passes."""
    account: Account = request.state.account
    is_text = request.headers.get("content-type", "").startswith("text/plain")
    async for part in request.stream():
        if is_text:
            account.spoke(len(part.decode(errors="ignore")))
        yield part


def has_body(request: Request) -> bool:
    """Whether a body was announced."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _passed_on(
    service: Service, answer: aiohttp.ClientResponse, seen: "_Seen", stack: AsyncExitStack
) -> AsyncGenerator[bytes]:
    async with stack:
        try:
            async for part in service.read(answer):
                seen.part(part)
                yield part
        finally:
            seen.end()


class _Seen:
    """
    What log, trace and account are told of an answer that passes: its error, how long it sounds, what was heard.

    Of events, *heard_seconds* were counted at their beginning, when it may not be known how long the audio is.
    """

    def __init__(self, answer: aiohttp.ClientResponse, account: Account) -> None:
        self._account, self.heard_seconds = account, 0.0
        content_type = answer.headers.get("content-type", "")
        self._envelope = EnvelopeWatch(answer.status) if answer.status >= 400 else None
        self._events = ErrorWatch() if content_type.startswith("text/event-stream") else None
        self._heard = HeardWatch()
        self._length = SoundLength(content_type)

    def part(self, part: bytes) -> None:
        if self._envelope is not None:
            self._envelope.feed(part)
        elif self._events is not None:
            self._events.feed(part)
            self._heard.feed(part)
            if error := self._events.error:
                current().failed(error)
        else:
            self._length.feed(part)

    def end(self) -> None:
        if self._envelope is not None:
            current().named(self._envelope.code)
        elif self._events is not None:
            if (seconds := self._heard.audio_seconds) > self.heard_seconds:
                self._account.heard(seconds - self.heard_seconds)
                current().fields["audio_seconds"] = seconds
        elif (seconds := self._length.seconds) is not None:
            current().fields["audio_seconds"] = seconds

"""Messages of the socket: what its client says, and what it may say."""

from pydantic import ValidationError

from speech_core.contracts import tts_socket as wire
from speech_core.errors import InvalidRequest
from speech_core.service.app import invalid_request
from speech_core.service.server import SOCKET_MESSAGE_BYTES
from speech_tts.settings import TtsSettings


def parsed(text: str | None) -> wire.ClientMessage:
    """Raises `InvalidRequest`; *text* is None for a binary frame."""
    if text is None:
        raise InvalidRequest("send JSON in text frames", code="invalid_message")
    try:
        return wire.client_message.validate_json(text)
    except ValidationError as error:
        raise invalid_request(error.errors()[0]) from None


def limits(settings: TtsSettings) -> wire.Limits:
    """What a socket takes."""
    return wire.Limits(
        text_characters=settings.max_text_characters,
        message_bytes=SOCKET_MESSAGE_BYTES,
        queued_utterances=settings.queued_utterances,
        stalled_seconds=settings.stalled_seconds,
        silent_writer_seconds=settings.silent_writer_seconds,
    )

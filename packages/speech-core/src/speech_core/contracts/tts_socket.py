"""
`WS /ws/tts`: text in, sound out as it is made.

Client to server: JSON text frames, `Utterance` (no `type`) or `{"type": ...}`.
Server to client: JSON text frames below, and between `start` and `end` binary frames of sound.
"""

from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Tag, TypeAdapter

from speech_core.contracts import Answered, Sent
from speech_core.contracts.errors import ErrorBody
from speech_core.contracts.speech import SampleRateHz, Speed, Text

SUBPROTOCOL = "speech.v1"

# Close codes (RFC 6455, 7.4.1) as this socket uses them.
CLOSE_NORMAL = 1000
CLOSE_DRAINING = 1001
CLOSE_NOT_ALLOWED = 1008
CLOSE_TOO_LARGE = 1009
CLOSE_OUR_FAULT = 1011
CLOSE_TRY_AGAIN = 1013

SocketFormat = Literal["pcm", "opus", "mulaw", "alaw"]
# How long a frame is, by the `format` of its `start`: of these by their bytes, of others each is one packet of opus.
SAMPLE_BYTES = {"pcm_s16le": 2, "mulaw": 1, "alaw": 1}
PACKET_SECONDS = 0.02


class Spoken(Sent):
    """
    How an utterance is to be spoken; *traceparent* (W3C Trace Context) is the trace that it belongs to.

    With *ahead_seconds*, no more sound than that is sent ahead of one who plays it as it comes.
    """

    voice: str | None = None
    language: str | None = None
    speed: Speed = 1.0
    format: SocketFormat = "pcm"
    sample_rate: SampleRateHz | None = None
    ahead_seconds: Annotated[float, Field(ge=0.5, le=600)] | None = None
    id: Annotated[str, Field(max_length=128)] | None = None
    traceparent: Annotated[str, Field(max_length=128)] | None = None


class Utterance(Spoken):
    """Speak this. Several may follow each other; they are spoken in order."""

    text: Text


class Append(Spoken):
    """
    The next piece of an utterance that is still being written, spoken sentence by sentence.

    The first `append` begins it and says how it is spoken; what later ones say of that is not heeded.
    """

    type: Literal["append"]
    text: str


class Flush(Sent):
    """The utterance that is being written is complete."""

    type: Literal["flush"]


class Cancel(Sent):
    """Stop what is being spoken, forget what waits."""

    type: Literal["cancel"]


class Close(Sent):
    """Finish what is being spoken, then close."""

    type: Literal["close"]


def _kind(message: object) -> str:
    if isinstance(message, dict):
        return str(cast("dict[str, Any]", message).get("type", "utterance"))
    return str(getattr(message, "type", "utterance"))


ClientMessage = Annotated[
    Annotated[Utterance, Tag("utterance")]
    | Annotated[Append, Tag("append")]
    | Annotated[Flush, Tag("flush")]
    | Annotated[Cancel, Tag("cancel")]
    | Annotated[Close, Tag("close")],
    Discriminator(_kind),
]
client_message: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


class Limits(Answered):
    """What the server takes on this socket."""

    text_characters: int
    message_bytes: int
    queued_utterances: int
    stalled_seconds: float
    silent_writer_seconds: float


class Ready(Answered):
    type: Literal["ready"] = "ready"
    limits: Limits


ReplyTo = Annotated[
    int | None,
    Field(
        description="The number of the message that this is about, from 1, among those of the socket that have reached "
        "the service; of an utterance that is being written, of its first `append`."
    ),
]


class Start(Answered):
    type: Literal["start"] = "start"
    reply_to: ReplyTo = None
    id: str | None
    sample_rate: int
    channels: int = 1
    format: str


class End(Answered):
    type: Literal["end"] = "end"
    reply_to: ReplyTo = None
    id: str | None
    audio_seconds: float
    first_audio_ms: float | None
    cancelled: bool | None = None


class Error(Answered):
    type: Literal["error"] = "error"
    reply_to: ReplyTo = None
    id: str | None = None
    error: ErrorBody

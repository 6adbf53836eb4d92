"""`POST /api/tts`: the request of an utterance"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from speech_core.contracts import Sent

SpeechFormat = Literal["pcm", "wav", "mp3", "opus", "flac", "aac"]

MAX_TEXT_CHARACTERS = 4096
# The longest text that anyone may set, in the widest script, escaped.
MAX_JSON_BYTES = 256 * 1024
SAMPLE_RATE_RANGE_HZ = (8_000, 48_000)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
Speed = Annotated[float, Field(ge=0.25, le=4.0)]
SampleRateHz = Annotated[int, Field(ge=SAMPLE_RATE_RANGE_HZ[0], le=SAMPLE_RATE_RANGE_HZ[1])]


class SpeechRequest(Sent):
    """One utterance. The text's length is bounded by the service's settings, not here."""

    text: Text
    voice: str | None = None
    language: str | None = None
    speed: Speed = 1.0
    format: SpeechFormat = "pcm"
    sample_rate: SampleRateHz | None = None

"""The envelope of every error: OpenAI's."""

from speech_core.contracts import Answered


class ErrorBody(Answered):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorEnvelope(Answered):
    error: ErrorBody

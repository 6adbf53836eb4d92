"""
Every error that a caller can see, and its one rendering.

SpeechError                        500  server_error            internal_error
  + InvalidRequest                 400  invalid_request_error   by case: empty_text, bad_audio, unknown_voice, ...
    - NotFound                     404                          not_found
    - MethodNotAllowed             405                          method_not_allowed
    - TooLarge                     413                          audio_too_large, audio_too_long, text_too_long
    - UnsupportedMediaType         415                          unsupported_media_type
  + Unauthenticated                401  authentication_error    missing_api_key, invalid_api_key
  + PermissionDenied               403  permission_error        origin_not_allowed
  + RateLimited                    429  rate_limit_error        too_many_requests, too_many_streams
  + RequestTimeout                 408  timeout_error           body_timeout
  + DeadlineExceeded               504  timeout_error           deadline_exceeded
  + Overloaded                     503  overloaded_error        queue_full
  + Unavailable                    503  unavailable_error       draining, no_upstream, engine_failed, ...
"""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

UNEXPECTED = "something unexpected happened; the request id leads to it in the logs"


class SpeechError(Exception):
    """
    The base of all errors that cross the wire.

    *code* names the case for a program, *param* the field at fault; *retry_after_seconds* goes out as `Retry-After`.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: str = "internal_error"
    retry_after_seconds: float | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds


class InvalidRequest(SpeechError):
    """The request can never succeed as it was sent."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class NotFound(InvalidRequest):
    status = 404
    code = "not_found"


class MethodNotAllowed(InvalidRequest):
    status = 405
    code = "method_not_allowed"


class TooLarge(InvalidRequest):
    status = 413
    code = "audio_too_large"


class UnsupportedMediaType(InvalidRequest):
    status = 415
    code = "unsupported_media_type"


class Unauthenticated(SpeechError):
    """Nobody that we know."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class PermissionDenied(SpeechError):
    """Somebody who may not."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class RateLimited(SpeechError):
    """The caller's own limit, however free we are."""

    status = 429
    type = "rate_limit_error"
    code = "too_many_requests"
    retry_after_seconds = 1.0


class RequestTimeout(SpeechError):
    status = 408
    type = "timeout_error"
    code = "body_timeout"


class DeadlineExceeded(SpeechError):
    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"


class Overloaded(SpeechError):
    """The service is full: the same request may succeed in a moment."""

    status = 503
    type = "overloaded_error"
    code = "queue_full"
    retry_after_seconds = 1.0


class Unavailable(SpeechError):
    """A part of the service is not there: it drains, it crashed, it cannot be reached."""

    status = 503
    type = "unavailable_error"
    code = "unavailable"
    retry_after_seconds = 1.0


def envelope(error: SpeechError) -> dict[str, dict[str, str | None]]:
    """Render *error* in the shape that OpenAI's clients parse."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def retry_headers(error: SpeechError) -> dict[str, str]:
    """`Retry-After` in whole seconds, rounded up, and `retry-after-ms`; empty when waiting cannot help."""
    if error.retry_after_seconds is None:
        return {}
    milliseconds = round(error.retry_after_seconds * 1000)
    return {"Retry-After": str(-(-milliseconds // 1000)), "retry-after-ms": str(milliseconds)}


def from_envelope(status: int, body: object, *, retry_after_seconds: float | None = None) -> SpeechError:
    """Rebuild the error that another service of ours rendered; anything else becomes a plain `SpeechError`."""
    fields = _inner(body)
    wanted = fields.get("type")
    kinds = [kind for kind in _tree(SpeechError) if kind.status == status]
    kind = next((kind for kind in kinds if kind.type == wanted), kinds[0] if kinds else SpeechError)
    return kind(
        str(fields.get("message") or f"the upstream answered {status}"),
        code=fields.get("code"),
        param=fields.get("param"),
        retry_after_seconds=retry_after_seconds,
    )


def from_event(body: object) -> SpeechError:
    """Rebuild the error of an `error` event, which has no status: by its type and code."""
    fields = _inner(body)
    kinds = [kind for kind in _tree(SpeechError) if kind.type == fields.get("type")]
    kind = next((kind for kind in kinds if kind.code == fields.get("code")), kinds[0] if kinds else SpeechError)
    return kind(str(fields.get("message") or "it failed"), code=fields.get("code"), param=fields.get("param"))


def _inner(body: object) -> Mapping[str, Any]:
    """What stands in an envelope; nothing where *body* is none."""
    if isinstance(body, dict) and isinstance(inner := cast("dict[str, Any]", body).get("error"), dict):
        return cast("dict[str, Any]", inner)
    return {}


def _tree(kind: type[SpeechError]) -> list[type[SpeechError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _tree(child))]

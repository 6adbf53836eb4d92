"""The body of a request as one of our models."""

from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from speech_core.service.app import invalid_request
from speech_tts.lines import read_json

M = TypeVar("M", bound=BaseModel)


def content_type_of(request: Request) -> str:
    """Without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_as(kind: type[M], request: Request, *, param: str) -> M:
    """The JSON of the body, checked; *param* is the field that makes it too large."""
    try:
        return kind.model_validate_json(await read_json(request.stream(), param=param))
    except ValidationError as error:
        raise invalid_request(error.errors()[0]) from None

"""What FastAPI cannot see of an operation that reads its body itself, as OpenAPI wants it described."""

from typing import Any, cast

from pydantic import BaseModel

from speech_core.contracts.errors import ErrorEnvelope

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
# One event of the stream.
EVENTS: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {"type": "string"}, "data": {"type": "string", "description": "JSON"}},
    }
}
AUDIO: dict[str, Any] = {"audio/*": {"schema": BINARY}}

# Of every operation: its own answers come before these.
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorEnvelope, "description": "what the caller can mend"},
    "5XX": {"model": ErrorEnvelope, "description": "what is ours; with `Retry-After` where waiting helps"},
}


def schema(model: type[BaseModel], *, answered: bool = False) -> dict[str, Any]:
    """JSON schema of *model*, as it is sent or *answered*, with its parts in place: references would lead nowhere."""
    whole = model.model_json_schema(mode="serialization" if answered else "validation")
    return _in_place(whole, whole.pop("$defs", {}))


def _in_place(node: Any, parts: dict[str, Any]) -> Any:
    match node:
        case {"$ref": str(where)}:
            return _in_place(parts[where.rpartition("/")[2]], parts)
        case dict():
            return {name: _in_place(value, parts) for name, value in cast("dict[str, Any]", node).items()}
        case list():
            return [_in_place(item, parts) for item in cast("list[Any]", node)]
        case _:
            return node


def described(body: dict[str, Any], answers: dict[str, Any], description: str) -> dict[str, Any]:
    """*body* and *answers* by content type, for `openapi_extra`."""
    return {
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": description, "content": answers}},
    }

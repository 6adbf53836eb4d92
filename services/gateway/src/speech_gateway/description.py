"""The gateway's OpenAPI: its own operations, and those of the services as they describe them themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI

# Written by `make contracts`, out of what asr and tts say.
SERVICES = Path(__file__).with_name("services.openapi.json")


def whole(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """In the place of *app*'s `openapi`: what is relayed stands there too."""
    own = app.openapi

    def openapi() -> dict[str, Any]:
        document = own()
        relayed = json.loads(SERVICES.read_text(encoding="utf-8"))
        document["paths"] = dict(sorted({**relayed["paths"], **document["paths"]}.items()))
        schemas = {**relayed["components"]["schemas"], **document["components"]["schemas"]}
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"key": []}]  # where keys are on
        return document

    return openapi

"""Write the wire down: OpenAPI of each service and the JSON schema of the socket, into `contracts/`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from speech_asr.app import create_app as create_asr
from speech_asr.settings import AsrSettings
from speech_core.contracts import tts_socket
from speech_gateway import description
from speech_gateway.app import create_app as create_gateway
from speech_gateway.settings import GatewaySettings
from speech_tts.app import create_app as create_tts
from speech_tts.settings import TtsSettings

RELAYED = description.SERVICES
FOLDER = Path(__file__).parents[2] / "contracts"

SERVICES: Mapping[str, Callable[[], FastAPI]] = {
    "asr": lambda: create_asr(AsrSettings(engine="fake")),
    "gateway": lambda: create_gateway(GatewaySettings()),
    "tts": lambda: create_tts(TtsSettings(engine="fake")),
}


def documents() -> dict[str, str]:
    """File name to content, as it should stand in `contracts/`."""
    described = {name: create().openapi() for name, create in SERVICES.items()}
    written = {f"{name}.openapi.json": _json(document) for name, document in described.items()}
    server_messages = TypeAdapter(tts_socket.Ready | tts_socket.Start | tts_socket.End | tts_socket.Error)
    written["tts-socket.client.schema.json"] = _json(tts_socket.client_message.json_schema())
    written["tts-socket.server.schema.json"] = _json(server_messages.json_schema(mode="serialization"))
    return written


def relayed() -> str:
    """What the gateway passes on, as asr and tts describe it; the lists and `/health` are the gateway's own."""
    asr, tts = (SERVICES[name]().openapi() for name in ("asr", "tts"))
    paths = {path: item for path, item in {**asr["paths"], **tts["paths"]}.items() if "post" in item}
    schemas = {**asr["components"]["schemas"], **tts["components"]["schemas"]}
    return _json({"components": {"schemas": schemas}, "paths": paths})


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    RELAYED.write_text(relayed(), encoding="utf-8")
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Wiring, and nothing but wiring."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI

from speech_core.models import ModelError
from speech_core.pipeline.plugins import UnknownPlugin, load
from speech_core.service.app import build
from speech_core.service.settings import SettingsError
from speech_core.service.shell import Loaded, Shell, shell_for
from speech_tts import routes, socket
from speech_tts.engines import Engine
from speech_tts.pipeline import Pipeline
from speech_tts.settings import TtsSettings

_OPERATIONS = (routes.OPERATION, socket.OPERATION)


def create_app(settings: TtsSettings | None = None, *, engine: Engine | None = None) -> FastAPI:
    """Build the service; a test passes its own *engine*."""
    settings = settings or TtsSettings()
    shell = shell_for("tts", settings, [operation.name for operation in _OPERATIONS])

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        loaded = engine or await to_thread.run_sync(_load, settings)
        shell.loaded = Loaded([loaded.name], list(loaded.voices))
        try:
            yield {"pipeline": Pipeline(loaded, settings, shell.metrics), "settings": settings}
        finally:
            loaded.close()

    return build(shell=shell, operations=_OPERATIONS, routers=[routes.router, socket.router], resources=resources)


def _load(settings: TtsSettings) -> Engine:
    try:
        return load("speech.tts_engines", settings.engine)(settings)
    except (ModelError, UnknownPlugin, ImportError) as error:
        raise SettingsError(f"the engine {settings.engine} cannot be loaded: {error}") from error

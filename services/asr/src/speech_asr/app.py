"""Wiring, and nothing but wiring."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI

from speech_asr import routes
from speech_asr.engines import Engine
from speech_asr.pipeline import Pipeline
from speech_asr.settings import AsrSettings
from speech_core.codec.isolation import warm_up
from speech_core.models import ModelError
from speech_core.pipeline.plugins import UnknownPlugin, load
from speech_core.service.app import build
from speech_core.service.settings import SettingsError
from speech_core.service.shell import Loaded, Shell, shell_for


def create_app(settings: AsrSettings | None = None, *, engine: Engine | None = None) -> FastAPI:
    """Build the service; a test passes its own *engine*."""
    settings = settings or AsrSettings()
    operations = (routes.operation(settings.max_audio_bytes),)
    shell = shell_for("asr", settings, [operation.name for operation in operations])

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        loaded = engine or await to_thread.run_sync(_load, settings)
        await to_thread.run_sync(warm_up)
        shell.loaded = Loaded([loaded.name], [settings.model])
        try:
            yield {"pipeline": Pipeline(loaded, settings, shell.metrics)}
        finally:
            loaded.close()

    return build(shell=shell, operations=operations, routers=[routes.router], resources=resources)


def _load(settings: AsrSettings) -> Engine:
    try:
        return load("speech.asr_engines", settings.engine)(settings)
    except (ModelError, UnknownPlugin, ImportError) as error:
        raise SettingsError(f"the engine {settings.engine} cannot be loaded: {error}") from error

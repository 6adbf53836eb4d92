"""Wiring, and nothing but wiring."""

import time
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
from speech_tts import socket
from speech_tts.engines import Engine
from speech_tts.metrics import SynthesisMetrics
from speech_tts.pipeline import Pipeline
from speech_tts.routes import lists, openai, speech
from speech_tts.settings import TtsSettings

_OPERATIONS = (speech.OPERATION, openai.OPERATION, socket.OPERATION)


def create_app(settings: TtsSettings | None = None, *, engine: Engine | None = None) -> FastAPI:
    """Build the service; a test passes its own *engine*."""
    settings = settings or TtsSettings()
    operations = [operation.name for operation in _OPERATIONS]
    shell = shell_for("tts", settings, operations)
    metrics = SynthesisMetrics(shell.metrics, operations)
    metrics.start(_names(settings))

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        engines = [engine] if engine else await to_thread.run_sync(_load, settings, metrics)
        try:
            pipeline = Pipeline(engines, settings, metrics)
            shell.stuck = pipeline.stuck
            shell.loaded = Loaded(pipeline.voices.engines, [pipeline.voices.default.id])
            yield {"pipeline": pipeline, "settings": settings}
        finally:
            for one in engines:
                one.close()

    return build(
        shell=shell,
        operations=_OPERATIONS,
        routers=[speech.router, openai.router, lists.router, socket.router],
        resources=resources,
    )


def _names(settings: TtsSettings) -> list[str]:
    return list(dict.fromkeys((settings.engine, *settings.other_engines)))


def _load(settings: TtsSettings, metrics: SynthesisMetrics) -> list[Engine]:
    return [_engine(name, settings, metrics) for name in _names(settings)]


def _engine(name: str, settings: TtsSettings, metrics: SynthesisMetrics) -> Engine:
    started_seconds = time.monotonic()
    try:
        engine = load("speech.tts_engines", name)(settings)
    except (ModelError, UnknownPlugin, ImportError) as error:
        raise SettingsError(f"the engine {name} cannot be loaded: {error}") from error
    metrics.loaded(name, time.monotonic() - started_seconds)
    return engine

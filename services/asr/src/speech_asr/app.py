"""Wiring, and nothing but wiring."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI

from speech_asr.backlog import Backlog
from speech_asr.engines import Engine, compute_seconds_of_silence
from speech_asr.metrics import RecognitionMetrics
from speech_asr.pipeline import Pipeline
from speech_asr.routes import lists, openai, stt
from speech_asr.scheduler import Scheduler, Ticket
from speech_asr.settings import AsrSettings
from speech_asr.watchdog import Watchdog
from speech_core.codec.isolation import warm_up
from speech_core.models import ModelError
from speech_core.pipeline.plugins import UnknownPlugin, load
from speech_core.service.app import build
from speech_core.service.settings import SettingsError
from speech_core.service.shell import Loaded, Shell, shell_for


def create_app(settings: AsrSettings | None = None, *, engine: Engine | None = None) -> FastAPI:
    """Build the service; a test passes its own *engine*."""
    settings = settings or AsrSettings()
    layout = settings.layout
    operations = (stt.operation(settings.max_audio_bytes), *openai.OPERATIONS)
    shell = shell_for("asr", settings, [operation.name for operation in operations])
    metrics = RecognitionMetrics(shell.metrics, engine=settings.engine)
    metrics.loaded(settings.model, 0.0)
    backlog = Backlog(
        limit_seconds=settings.queue_audio_seconds,
        shortest_seconds=settings.shortest_window_seconds,
        most_channels=settings.seats,
        longest_seconds=settings.max_audio_seconds,
        workers=layout.workers,
    )
    shell.admit = backlog.take
    shell.seats.free_in_seconds = backlog.book_turn_seconds

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        started_seconds = time.monotonic()
        loaded = engine or await to_thread.run_sync(_load, settings, backlog)
        metrics.loaded(settings.model, time.monotonic() - started_seconds)
        await to_thread.run_sync(warm_up)
        shell.loaded = Loaded([settings.engine], [settings.model])

        def ended(ticket: Ticket) -> None:
            metrics.ended(ticket)
            if ticket.result:
                backlog.recognized(ticket)

        watchdog = Watchdog(loaded, workers=layout.workers, limit_seconds=settings.engine_seconds)
        shell.stuck = watchdog.stuck
        scheduler = Scheduler(
            watchdog.decode,
            workers=layout.workers,
            batch_size=layout.batch_size,
            windows_per_request=layout.windows_per_request,
            on_batch=metrics.batch,
            on_end=ended,
        )
        metrics.observe_queue(lambda: scheduler.waiting)
        metrics.observe_backlog(lambda: backlog.queued_seconds)
        try:
            async with scheduler.running():
                yield {"pipeline": Pipeline(loaded, scheduler, backlog, settings, shell.metrics), "settings": settings}
        finally:
            loaded.close()

    return build(
        shell=shell, operations=operations, routers=[stt.router, openai.router, lists.router], resources=resources
    )


def _load(settings: AsrSettings, backlog: Backlog) -> Engine:
    try:
        engine: Engine = load("speech.asr_engines", settings.engine)(settings)
    except (ModelError, UnknownPlugin, ImportError, RuntimeError, ValueError) as error:
        raise SettingsError(f"the engine {settings.engine} cannot be loaded: {error}") from error
    seconds = settings.shortest_window_seconds
    backlog.expect(seconds, compute_seconds=compute_seconds_of_silence(engine, seconds))
    return engine

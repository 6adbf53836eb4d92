"""Wiring, and nothing but wiring."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import anyio
from fastapi import FastAPI
from yarl import URL

from speech_core.service.app import build
from speech_core.service.shell import Shell, shell_for
from speech_gateway.routes import echo, lists, relay, socket
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.metrics import UpstreamMetrics
from speech_gateway.upstreams.pool import Pool, Resolve, resolved
from speech_gateway.upstreams.service import Service, Upstreams

# Below the services' own idle time, so that no request meets a connection that is just being closed.
_IDLE_SECONDS = 30


def create_app(settings: GatewaySettings | None = None, *, resolve: Resolve = resolved) -> FastAPI:
    """Build the gateway; a test brings addresses of its own."""
    settings = settings or GatewaySettings()
    operations = (
        relay.TTS,
        relay.SPEECH,
        relay.TRANSCRIPTIONS,
        relay.TRANSLATIONS,
        relay.stt(settings.max_audio_bytes),
        echo.operation(settings.max_audio_bytes),
        socket.OPERATION,
    )
    shell = shell_for("gateway", settings, [operation.name for operation in operations])
    metrics = UpstreamMetrics(shell.metrics.registry, ["asr", "tts"])

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds)
        pools = {"asr": Pool(URL(settings.asr_url)), "tts": Pool(URL(settings.tts_url))}
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
            anyio.create_task_group() as tasks,
        ):
            asr, tts = (Service(name, pool, session, settings.answer_seconds, metrics) for name, pool in pools.items())
            for pool in pools.values():
                tasks.start_soon(partial(pool.follow, resolve, every_seconds=settings.resolve_seconds))
            upstreams = Upstreams(asr, tts)
            shell.upstreams = upstreams.health
            yield {"upstreams": upstreams, "settings": settings}
            tasks.cancel_scope.cancel()

    routers = [relay.router, lists.router, echo.router, socket.router]
    return build(shell=shell, operations=operations, routers=routers, resources=resources)

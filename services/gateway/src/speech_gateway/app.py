"""Wiring, and nothing but wiring."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from fastapi import FastAPI

from speech_core.service.app import build
from speech_core.service.shell import Shell, shell_for
from speech_gateway.routes import echo, lists, relay, socket
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.service import Service, Upstreams

# Below the services' own idle time, so that no request meets a connection that is just being closed.
_IDLE_SECONDS = 30


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Build the gateway."""
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

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS)
        timeout = aiohttp.ClientTimeout(total=None, connect=settings.connect_seconds)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            upstreams = Upstreams(
                Service("asr", settings.asr_url, session, settings.answer_seconds),
                Service("tts", settings.tts_url, session, settings.answer_seconds),
            )
            shell.upstreams = upstreams.health
            yield {"upstreams": upstreams, "settings": settings}

    routers = [relay.router, lists.router, echo.router, socket.router]
    return build(shell=shell, operations=operations, routers=routers, resources=resources)

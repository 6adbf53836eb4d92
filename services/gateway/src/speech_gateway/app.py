"""Wiring, and nothing but wiring."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import aiohttp
import anyio
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from yarl import URL

from speech_core.service.app import build
from speech_core.service.engine_metrics import FirstAudio
from speech_core.service.settings import SettingsError
from speech_core.service.shell import Shell, shell_for
from speech_gateway import description
from speech_gateway.accounts import UsageMetrics
from speech_gateway.door import Doorman
from speech_gateway.echo import clock
from speech_gateway.keys import KeyRing, KeysError
from speech_gateway.routes import echo, lists, page, relay, socket
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.metrics import UpstreamMetrics
from speech_gateway.upstreams.pool import Pool, Resolve, resolved
from speech_gateway.upstreams.service import Service, Upstreams

# Below the services' own idle time, so that no request meets a connection that is just being closed.
_IDLE_SECONDS = 30


def create_app(settings: GatewaySettings | None = None, *, resolve: Resolve = resolved) -> FastAPI:
    """Build the gateway; a test brings addresses of its own."""
    settings = settings or GatewaySettings()
    listener = _listener() if settings.wyoming_port is not None else None
    operations = (
        relay.TTS,
        relay.SPEECH,
        relay.TRANSCRIPTIONS,
        relay.TRANSLATIONS,
        relay.stt(settings.max_audio_bytes),
        echo.operation(settings.max_audio_bytes),
        socket.OPERATION,
        *(listener.OPERATIONS if listener else ()),
    )
    shell = shell_for("gateway", settings, [operation.name for operation in operations])
    metrics = UpstreamMetrics(shell.metrics.registry, ["asr", "tts"])
    first_audio = FirstAudio(shell.metrics.registry, "gateway", operations=[clock.OPERATION])
    first_audio.engines(clock.ENGINE)
    keys = _keys(settings)
    door = Middleware(
        Doorman,
        keys=keys,
        usage=UsageMetrics(shell.metrics.registry),
        metrics=shell.metrics,
        operations={operation.path: operation for operation in operations},
        origins=settings.cors_origins,
        open_lists=settings.open_lists,
    )
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["*"],
    )

    @asynccontextmanager
    async def resources(shell: Shell) -> AsyncGenerator[Mapping[str, Any]]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds)
        pools = {"asr": Pool(URL(settings.asr_url)), "tts": Pool(URL(settings.tts_url))}
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            anyio.create_task_group() as tasks,
        ):
            asr, tts = (Service(name, pool, session, settings.answer_seconds, metrics) for name, pool in pools.items())
            if keys:
                tasks.start_soon(partial(keys.follow, every_seconds=settings.keys_seconds))
            for pool in pools.values():
                tasks.start_soon(partial(pool.follow, resolve, every_seconds=settings.resolve_seconds))
            upstreams = Upstreams(asr, tts)
            shell.upstreams = upstreams.health
            async with listener.listening(upstreams, shell, settings) if listener else nullcontext():
                yield {"upstreams": upstreams, "settings": settings, "first_audio": first_audio}
            tasks.cancel_scope.cancel()

    app = build(
        shell=shell,
        operations=operations,
        routers=[lists.router, echo.router, socket.router, page.router],
        resources=resources,
        middleware=[cors, door] if settings.cors_origins else [door],
    )
    app.router.routes[:0] = relay.ROUTES
    for path, files in page.FILES.items():
        app.mount(path, files)
    app.openapi = description.whole(app)
    return app


def _listener() -> ModuleType:
    """The listener for Home Assistant; raises `SettingsError` without its extra."""
    try:
        return import_module("speech_gateway.homeassistant")
    except ImportError as error:
        raise SettingsError(f"wyoming_port (GATEWAY_WYOMING_PORT) needs the extra wyoming: {error}") from None


def _keys(settings: GatewaySettings) -> KeyRing | None:
    """Raises `SettingsError` when there is a file and it cannot be used."""
    if settings.keys_file is None:
        return None
    if settings.key_secret is None:
        raise SettingsError("keys_file (GATEWAY_KEYS_FILE) needs key_secret (GATEWAY_KEY_SECRET)")
    try:
        return KeyRing(settings.keys_file, settings.key_secret.get_secret_value())
    except (KeysError, OSError) as error:
        raise SettingsError(f"keys_file (GATEWAY_KEYS_FILE): {error}") from None

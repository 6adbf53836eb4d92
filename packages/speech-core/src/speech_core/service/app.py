"""The application of a service: its routers inside the shell's errors, admission, request ids and `/health`."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import anyio
from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from speech_core import __version__
from speech_core.contracts.health import Health
from speech_core.contracts.openapi import ERRORS
from speech_core.errors import InvalidRequest, MethodNotAllowed, NotFound, SpeechError, envelope, retry_headers
from speech_core.service.intake import Intake
from speech_core.service.memory import give_back
from speech_core.service.middleware import RequestContext
from speech_core.service.observation import current
from speech_core.service.operations import Operation
from speech_core.service.settings import SettingsError
from speech_core.service.shell import Shell

Resources = Callable[[Shell], AbstractAsyncContextManager[Mapping[str, Any]]]

_HEARTBEAT_SECONDS = 1.0
# FastAPI's own would be a second one beside ours.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def build(
    *,
    shell: Shell,
    operations: Sequence[Operation],
    routers: Sequence[APIRouter],
    resources: Resources,
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """
    Put *routers* into the shell; *middleware* stands before the seats, the first one outermost.

    *resources* loads what the handlers need and yields it by name for `request.state`; the service is ready once it
    has been entered.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[Mapping[str, Any]]:
        async with _loaded(shell, resources) as state, anyio.create_task_group() as tasks:
            tasks.start_soon(_beat, shell)
            shell.started = True
            try:
                yield {"shell": shell, **state}
            finally:
                shell.started, shell.ended = False, True
                tasks.cancel_scope.cancel()

    # The pages that come with FastAPI fetch their scripts from elsewhere.
    app = FastAPI(
        title=f"kubespeech {shell.name}",
        version=__version__,
        lifespan=lifespan,
        responses=ERRORS,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.state.shell = shell
    # The last one added is the outermost.
    app.add_middleware(Intake, shell=shell, operations=operations)
    app.user_middleware[:0] = middleware
    app.add_middleware(RequestContext, shell=shell)
    app.add_exception_handler(SpeechError, _on_speech_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.include_router(_health(shell))
    for router in routers:
        app.include_router(router)
    return app


@asynccontextmanager
async def _loaded(shell: Shell, resources: Resources) -> AsyncGenerator[Mapping[str, Any]]:
    """What the handlers need; a reason that it cannot be had is kept for the process's last line."""
    try:
        async with resources(shell) as state:
            yield state
    except SettingsError as error:
        shell.fault = str(error)
        raise


async def _beat(shell: Shell) -> None:
    """Show that the loop turns; once nobody has come for a beat, the memory of those who came is given back."""
    entered, owed = 0, False
    while True:
        shell.heartbeat.last_beat_seconds = now_seconds = time.monotonic()
        await anyio.sleep(_HEARTBEAT_SECONDS)
        shell.metrics.lagged(time.monotonic() - now_seconds - _HEARTBEAT_SECONDS)
        is_quiet = shell.drain.inside == 0 and shell.drain.entered == entered
        entered, is_due, owed = shell.drain.entered, owed and is_quiet, not is_quiet
        if is_due:
            await to_thread.run_sync(give_back)


def _health(shell: Shell) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health", responses={503: {"model": Health}})
    async def health() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """200 when the service is ready and so is what it needs; else 503."""
        upstreams = await shell.upstreams() if shell.upstreams else None
        whole = all(upstream.status == "ok" for upstream in (upstreams or {}).values())
        status = "draining" if shell.drain.draining else "starting" if not shell.started else "ok"
        answer = Health(
            status="degraded" if status == "ok" and not whole else status,
            service=shell.name,
            version=__version__,
            engines=list(shell.loaded.engines),
            models=list(shell.loaded.models),
            upstreams=upstreams,
        )
        return JSONResponse(answer.model_dump(exclude_none=True), 200 if answer.status == "ok" else 503)

    return router


async def _on_speech_error(_: Request, error: Exception) -> JSONResponse:
    return _answer(cast("SpeechError", error))


def _answer(error: SpeechError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    current().failed(error)
    return JSONResponse(envelope(error), error.status, headers={**retry_headers(error), **(headers or {})})


async def _on_validation_error(_: Request, error: Exception) -> JSONResponse:
    return _answer(invalid_request(cast("RequestValidationError", error).errors()[0]))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    error = cast("HTTPException", error)
    if error.status_code == 404:
        return _answer(NotFound(f"there is no {request.url.path}"))
    if error.status_code == 405:
        return _answer(MethodNotAllowed(f"{request.url.path} does not take {request.method}"), error.headers)
    return _answer(InvalidRequest(str(error.detail)))


def invalid_request(first: Mapping[str, Any]) -> InvalidRequest:
    """The first finding of a validation, in our words: *param* is the field, by dots, without its place."""
    where = [
        str(part)
        for part in first["loc"]
        if part not in ("body", "query", "utterance", "append", "flush", "cancel", "close")
    ]
    param = ".".join(where) or None
    match first["type"]:
        case "json_invalid":
            return InvalidRequest("the body is not valid JSON", code="invalid_json")
        case "extra_forbidden":
            return InvalidRequest(f"unknown field `{param or ''}`", code="unknown_field", param=param)
        case "union_tag_invalid":
            known = first["ctx"]["expected_tags"].replace("'", "`")
            return InvalidRequest(f"`type` is not known; there are {known}", param="type")
        case "missing":
            return InvalidRequest(f"`{param or 'body'}` is required", code="missing_field", param=param)
        case "value_error" if param == "text":
            return InvalidRequest("`text` is empty", code="empty_text", param="text")
        case _:
            return InvalidRequest(f"`{param or 'body'}`: {first['msg']}", param=param)

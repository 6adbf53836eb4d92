"""One JSON object a line on standard output, ours and the server's alike; a readable form for a terminal."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor

from speech_core.service.settings import ServiceSettings

# The server's words for what has a line of its own: a stream that was cut on purpose, a socket, what is no HTTP.
_SAID_ALREADY = frozenset(
    {
        "ASGI callable returned without completing response.",
        "ASGI callable returned without completing handshake.",
        "Invalid HTTP request received.",
        "Invalid UTF-8 sequence received from client.",
        '%s - "WebSocket %s" [accepted]',
        '%s - "WebSocket %s" 403',
        '%s - "WebSocket %s" %d',
        "connection open",
        "connection rejected (%d %s)",
        "connection closed",
    }
)


def configure(settings: ServiceSettings, service: str) -> None:
    """Route all logging of the process through structlog, with *service* on every line."""

    def named(_: object, __: str, line: EventDict) -> EventDict:
        return {**line, "service": service}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render(settings.log_format)],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg not in _SAID_ALREADY)


def _render(log_format: str) -> list[Processor]:
    if log_format == "console" or (log_format == "auto" and sys.stdout.isatty()):
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    # Without the values of locals: they are the callers' text and audio.
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]

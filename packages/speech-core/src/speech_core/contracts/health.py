"""`GET /health`: is the service ready, and with what."""

from collections.abc import Sequence
from typing import Literal

from speech_core.contracts import Answered


class UpstreamHealth(Answered):
    status: str
    engines: Sequence[str] = ()
    models: Sequence[str] = ()


class Health(Answered):
    status: Literal["ok", "starting", "draining", "degraded"]
    service: str
    version: str
    engines: Sequence[str]
    models: Sequence[str]
    upstreams: dict[str, UpstreamHealth] | None = None

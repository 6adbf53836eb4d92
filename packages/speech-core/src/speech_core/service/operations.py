"""An operation: a kind of request that is seated, bounded and counted."""

from dataclasses import dataclass

from starlette.types import Scope

from speech_core.errors import TooLarge


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One endpoint.

    *name* is its label in metrics; a body above *max_body_bytes* is refused with 413, *too_large_code* and *param*.
    """

    name: str
    path: str
    max_body_bytes: int = 0
    param: str | None = None
    too_large_code: str = "audio_too_large"
    websocket: bool = False

    def is_asked(self, scope: Scope) -> bool:
        """Whether a request at this path is of this kind, and not another method."""
        return scope["type"] == "websocket" if self.websocket else scope.get("method") == "POST"

    def too_large(self) -> TooLarge:
        """What a body above the bound is answered with."""
        return TooLarge(
            f"the body is larger than {self.max_body_bytes} bytes", code=self.too_large_code, param=self.param
        )

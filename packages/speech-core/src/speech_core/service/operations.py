"""An operation: a kind of request that is seated, bounded and counted."""

from dataclasses import dataclass

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

    def too_large(self) -> TooLarge:
        """What a body above the bound is answered with."""
        return TooLarge(
            f"the body is larger than {self.max_body_bytes} bytes", code=self.too_large_code, param=self.param
        )

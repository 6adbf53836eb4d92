"""Server-sent events as the services send them, in a stream of bytes."""

from speech_core.errors import Unavailable

# The text of hours, several times over.
_MAX_EVENT_BYTES = 16 * 1024 * 1024


class EventReader:
    """Feed it bytes, get whole events as (name, data); comments are dropped."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, part: bytes) -> list[tuple[str, str]]:
        """Raises `Unavailable` when an event does not end."""
        *whole, self._held = (self._held + part).split(b"\n\n")
        if len(self._held) > _MAX_EVENT_BYTES:
            raise Unavailable("asr sent an event without end", code="upstream_unreachable")
        return [event for block in whole if (event := _parsed(block.decode())) is not None]


def _parsed(block: str) -> tuple[str, str] | None:
    fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
    return (fields["event"], fields["data"]) if "event" in fields else None

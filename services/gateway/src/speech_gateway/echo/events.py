"""Server-sent events as the services send them, in a stream of bytes."""

import json

from speech_core.errors import SpeechError, Unavailable, from_event

# The text of hours, several times over.
_MAX_EVENT_BYTES = 16 * 1024 * 1024
# How a service tells that it has failed; it is its last event. JSON has no line that says so.
_ERROR = b"\n\nevent: error\ndata: "
_MAX_ERROR_BYTES = 64 * 1024


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


class ErrorWatch:
    """Sees an `error` in events that are only passed on; of all others it holds nothing."""

    def __init__(self) -> None:
        self._held = b""
        self._found = False

    def feed(self, part: bytes) -> None:
        """The next bytes, cut anywhere."""
        self._held += part
        if not self._found:
            _, found, rest = self._held.partition(_ERROR)
            self._found = bool(found)
            self._held = rest if found else self._held[1 - len(_ERROR) :]
        self._held = self._held[:_MAX_ERROR_BYTES]

    @property
    def error(self) -> SpeechError | None:
        """What the stream has ended with, if it was an error."""
        if not self._found:
            return None
        try:
            return from_event(json.loads(self._held))
        except ValueError:
            return SpeechError("the service has failed in its own words")

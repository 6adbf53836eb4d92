"""The `error` in a stream of events that is only passed on."""

import json

from speech_core.errors import SpeechError, from_event

# How a service tells that it has failed; it is its last event. JSON has no line that says so.
_ERROR = b"\n\nevent: error\ndata: "
_MAX_ERROR_BYTES = 64 * 1024


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

"""The error in an answer that is only passed on, and how much was heard for it."""

import json
import re

from speech_core.errors import SpeechError, from_event

# How a service tells that it has failed; it is its last event. JSON has no line that says so.
_ERROR = b"\n\nevent: error\ndata: "
_MAX_ERROR_BYTES = 64 * 1024
# Of the last event of a recognition, with no more than its type behind it.
_HEARD = re.compile(rb'"coverage": ?\{"audio_seconds": ?([0-9.]+)[^{}]*\}[^{}]*\}\s*$')
_END_BYTES = 512


class EnvelopeWatch:
    """Holds the beginning of an answer that is an error as a whole."""

    def __init__(self, status: int) -> None:
        self._status = status
        self._held = b""

    def feed(self, part: bytes) -> None:
        """The next bytes, cut anywhere."""
        self._held = (self._held + part)[:_MAX_ERROR_BYTES]

    @property
    def code(self) -> str:
        """Of the error; the status, where it is not told in our words."""
        try:
            code = json.loads(self._held)["error"]["code"]
        except (ValueError, LookupError, TypeError):
            code = None
        return code if isinstance(code, str) else str(self._status)


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


class HeardWatch:
    """Sees how much audio was heard, in the last event of a recognition that is only passed on."""

    def __init__(self) -> None:
        self._end = b""

    def feed(self, part: bytes) -> None:
        """The next bytes, cut anywhere."""
        self._end = (self._end + part)[-_END_BYTES:]

    @property
    def audio_seconds(self) -> float:
        """0 where the stream has not ended so."""
        found = _HEARD.search(self._end)
        return float(found[1]) if found else 0.0

"""How far a listener is behind: when it will have played all that was sent to it."""

from collections.abc import Callable

import anyio


class Pace:
    """
    The clock of a listener who plays sound as it comes, over all utterances of a socket.

    It stands still while there is nothing to play: before the first sound, and when the next one is late.
    """

    def __init__(self, now: Callable[[], float] = anyio.current_time) -> None:
        self._now = now
        self._silent_at_seconds = float("-inf")

    def early_seconds(self, audio_seconds: float, *, ahead_seconds: float) -> float:
        """How long that much more sound has to wait, to be no more than *ahead_seconds* ahead once it is sent."""
        return self._silent_at_seconds + audio_seconds - ahead_seconds - self._now()

    def sent(self, audio_seconds: float) -> None:
        """That much more has left."""
        self._silent_at_seconds = max(self._silent_at_seconds, self._now()) + audio_seconds

    def cut(self) -> None:
        """The listener plays no more of what it has."""
        self._silent_at_seconds = float("-inf")

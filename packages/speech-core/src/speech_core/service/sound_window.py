"""How much sound is on its way to the other end of a socket that it has not read: its answers to pings say so."""

import asyncio
import math
import re
from collections.abc import Callable

# What a kernel, a proxy and a library hold between them may be a minute of speech: none of it can be taken back.
WINDOW_SECONDS = 2.0
_ASK_EVERY_SECONDS = 0.5
_PAYLOAD = re.compile(rb"sound (\d{1,15})")


class SoundWindow:
    """
    Of one socket: *ping* is called with a payload now and then, and `answered` with that of each pong.

    A pong stands for all pings before it (RFC 6455, 5.5.3). While *is_unheard*, no pong can come, and none is waited
    for.
    """

    def __init__(self, ping: Callable[[bytes], None], is_unheard: Callable[[], bool]) -> None:
        self._ping = ping
        self._is_unheard = is_unheard
        self._sent_seconds = 0.0
        self._asked_seconds = 0.0
        self.read_seconds = 0.0
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether less than a window is unread, or nobody can say."""
        return self._sent_seconds - self.read_seconds < WINDOW_SECONDS or self._is_unheard()

    async def opened(self) -> None:
        """Wait until it is open."""
        while not self.is_open:
            if self._sent_seconds > self._asked_seconds:  # nobody was asked while nobody could be heard
                self.ask()
            self._changed.clear()
            await self._changed.wait()

    def sent(self, audio_seconds: float) -> None:
        """That much more is on its way."""
        self._sent_seconds += audio_seconds
        # Who writes and is not read may be stuck in writing: another answer to write would keep it from reading, too.
        if self._sent_seconds - self._asked_seconds >= _ASK_EVERY_SECONDS and not self._is_unheard():
            self.ask()

    def ask(self) -> None:
        """How much has been read, where that is not known to be all."""
        if self._sent_seconds > self.read_seconds:
            self._asked_seconds = self._sent_seconds
            self._ping(b"sound %d" % math.ceil(1000 * self._sent_seconds))

    def answered(self, payload: bytes) -> bool:
        """Whether a pong is one of ours."""
        told = _PAYLOAD.fullmatch(payload)
        if told is None:
            return False
        # Who says more than was asked deceives nobody but itself.
        self.read_seconds = max(self.read_seconds, min(int(told[1]) / 1000, self._asked_seconds))
        self.look_again()
        return True

    def look_again(self) -> None:
        """Whether pongs can come may have changed."""
        self._changed.set()

"""How much sound is on its way to the other end of a socket that it has not read: its answers to pings say so."""

import asyncio
from collections.abc import Callable

# What a kernel, a proxy and a library hold between them may be a minute of speech: none of it can be taken back.
WINDOW_SECONDS = 2.0
_ASK_EVERY_SECONDS = 0.5
_PAYLOAD = b"heard "


class SoundWindow:
    """
    Of one socket: *ping* is called with a payload now and then, and `answered` with that of each pong.

    A pong stands for all pings before it (RFC 6455, 5.5.3). While *is_deaf*, no pong can come, and none is waited for.
    """

    def __init__(self, ping: Callable[[bytes], None], is_deaf: Callable[[], bool]) -> None:
        self._ping = ping
        self._is_deaf = is_deaf
        self._sent_seconds = 0.0
        self._read_seconds = 0.0
        self._asked: dict[bytes, float] = {}
        self._asked_seconds = 0.0
        self._changed = asyncio.Event()

    async def room(self) -> None:
        """Wait until less than a window is unread."""
        while self._sent_seconds - self._read_seconds >= WINDOW_SECONDS and not self._is_deaf():
            self._changed.clear()
            await self._changed.wait()

    def sent(self, audio_seconds: float) -> None:
        """That much more is on its way."""
        self._sent_seconds += audio_seconds
        if self._sent_seconds - self._asked_seconds >= _ASK_EVERY_SECONDS:
            self._asked_seconds = self._sent_seconds
            payload = _PAYLOAD + str(round(self._sent_seconds * 1000)).encode("ascii")
            self._asked[payload] = self._sent_seconds
            self._ping(payload)

    def answered(self, payload: bytes) -> bool:
        """Whether a pong is one of ours."""
        read_seconds = self._asked.get(payload)
        if read_seconds is None:
            return payload.startswith(_PAYLOAD)
        self._read_seconds = read_seconds
        self._asked = {later: at for later, at in self._asked.items() if at > read_seconds}
        self.look_again()
        return True

    def look_again(self) -> None:
        """Whether pongs can come may have changed."""
        self._changed.set()

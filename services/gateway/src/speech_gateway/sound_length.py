"""How long the sound is that passes, as far as its bytes tell without being decoded."""

import re
import struct

_PCM = re.compile(r"audio/pcm;rate=(\d+);channels=(\d+)")
_SAMPLE_BYTES = 2
# RIFF, `fmt ` and the beginning of `data`, as tts writes them; the bytes a second stand at 28.
_WAV_HEAD_BYTES, _WAV_RATE_AT = 44, 28


class SoundLength:
    """Of pcm and wav; for packed sound nothing is known."""

    def __init__(self, content_type: str) -> None:
        pcm = _PCM.fullmatch(content_type)
        self._bytes_a_second = int(pcm[1]) * int(pcm[2]) * _SAMPLE_BYTES if pcm else 0
        self._head: bytes | None = b"" if content_type == "audio/wav" else None
        self._bytes = 0

    def feed(self, part: bytes) -> None:
        """The next bytes, cut anywhere."""
        self._bytes += len(part)
        if self._head is None or len(self._head) >= _WAV_HEAD_BYTES:
            return
        self._head = (self._head + part)[:_WAV_HEAD_BYTES]
        if len(self._head) == _WAV_HEAD_BYTES:
            (self._bytes_a_second,) = struct.unpack_from("<I", self._head, _WAV_RATE_AT)
            self._bytes -= _WAV_HEAD_BYTES

    @property
    def seconds(self) -> float | None:
        """What has passed so far; None where that cannot be told."""
        return round(self._bytes / self._bytes_a_second, 3) if self._bytes_a_second else None

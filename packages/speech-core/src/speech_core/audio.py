"""The words for sound: a run of samples, and the form in which samples travel."""

from dataclasses import dataclass

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Signed 16-bit little-endian samples: how many a second, in how many interleaved channels."""

    sample_rate_hz: int
    channels: int = 1

    @property
    def bytes_per_frame(self) -> int:
        """Bytes of one sample of every channel."""
        return BYTES_PER_SAMPLE * self.channels

    def seconds(self, n_bytes: int) -> float:
        """How long *n_bytes* of this format play."""
        return n_bytes / self.bytes_per_frame / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Pcm:
    """A run of whole signed 16-bit little-endian frames."""

    data: bytes
    format: AudioFormat

    @property
    def frames(self) -> int:
        return len(self.data) // self.format.bytes_per_frame

    @property
    def seconds(self) -> float:
        return self.format.seconds(len(self.data))

"""Sound for a socket: each frame can be played, or thrown away, on its own."""

# PyAV leaves the type of a packet's stream open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Protocol, cast

from av.audio.codeccontext import AudioCodecContext

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.encode import check_rate
from speech_core.codec.resample import Resampler, to_av
from speech_core.errors import InvalidRequest

# The first frames are short so that the first sound leaves at once; longer ones cost less a second.
_PCM_FRAME_SECONDS = (0.02, 0.04, 0.06, 0.08, 0.1)
_OPUS_RATE_HZ = 48_000
_OPUS_PACKET_SECONDS = 0.02
_TELEPHONE_RATE_HZ = 8_000
_TELEPHONE_FRAME_BYTES = 160  # 20 ms


class Framer(Protocol):
    """
    Cuts runs of sound into the binary frames of a socket.

    *name* and *sample_rate_hz* are what the listener is told; *push* gives the whole frames, *flush* the last one, and
    *seconds* says how long a frame plays.
    """

    name: str
    sample_rate_hz: int

    def push(self, pcm: Pcm) -> list[bytes]: ...

    def flush(self) -> list[bytes]: ...

    def seconds(self, frame: bytes) -> float: ...


def framer_for(name: str, source: AudioFormat, *, sample_rate_hz: int | None = None) -> Framer:
    """
    A framer of mono *source*: pcm (any rate), opus (48 kHz), mulaw or alaw (8 kHz).

    Raises `InvalidRequest` (unsupported_format) for another name or rate.
    """
    check_rate(sample_rate_hz)
    if name == "pcm":
        return PcmFramer(source, sample_rate_hz or source.sample_rate_hz)
    if name not in ("opus", "mulaw", "alaw"):
        raise InvalidRequest(f"`{name}` is not a format of a socket", code="unsupported_format", param="format")
    rate_hz = _OPUS_RATE_HZ if name == "opus" else _TELEPHONE_RATE_HZ
    if sample_rate_hz not in (None, rate_hz):
        raise InvalidRequest(f"{name} has {rate_hz} Hz", code="unsupported_format", param="sample_rate")
    return OpusFramer(source) if name == "opus" else TelephoneFramer(source, name)


class PcmFramer:
    """Whole samples, 20 ms at first, then up to 100 ms."""

    name = "pcm_s16le"

    def __init__(self, source: AudioFormat, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._format = AudioFormat(sample_rate_hz)
        self._resampler = Resampler(source, self._format)
        self._held = bytearray()
        self._sent = 0

    def push(self, pcm: Pcm) -> list[bytes]:
        self._held += self._resampler.resample(pcm).data
        frames: list[bytes] = []
        while len(self._held) >= (size := self._next_bytes()):
            frames.append(bytes(self._held[:size]))
            del self._held[:size]
            self._sent += 1
        return frames

    def flush(self) -> list[bytes]:
        rest = bytes(self._held) + self._resampler.flush().data
        self._held.clear()
        return [rest] if rest else []

    def seconds(self, frame: bytes) -> float:
        return self._format.seconds(len(frame))

    def _next_bytes(self) -> int:
        seconds = _PCM_FRAME_SECONDS[min(self._sent, len(_PCM_FRAME_SECONDS) - 1)]
        return int(seconds * self.sample_rate_hz) * self._format.bytes_per_frame


class OpusFramer:
    """One raw packet of 20 ms a frame, without a container."""

    name = "opus"
    sample_rate_hz = _OPUS_RATE_HZ

    def __init__(self, source: AudioFormat) -> None:
        self._resampler = Resampler(source, AudioFormat(_OPUS_RATE_HZ))
        self._codec = _codec("libopus", _OPUS_RATE_HZ)
        self._codec.options = {"frame_duration": "20", "application": "voip"}

    def push(self, pcm: Pcm) -> list[bytes]:
        return self._packets(self._resampler.resample(pcm))

    def flush(self) -> list[bytes]:
        return [*self._packets(self._resampler.flush()), *(bytes(packet) for packet in self._codec.encode(None))]

    def seconds(self, frame: bytes) -> float:
        return _OPUS_PACKET_SECONDS

    def _packets(self, pcm: Pcm) -> list[bytes]:
        return [bytes(packet) for packet in self._codec.encode(to_av(pcm))] if pcm.frames else []


class TelephoneFramer:
    """G.711: 8 kHz, a byte a sample, 160 bytes a frame; the last one is padded with silence."""

    sample_rate_hz = _TELEPHONE_RATE_HZ

    def __init__(self, source: AudioFormat, name: str) -> None:
        self.name = name
        self._format = AudioFormat(_TELEPHONE_RATE_HZ)
        self._resampler = Resampler(source, self._format)
        self._codec = _codec(f"pcm_{name}", _TELEPHONE_RATE_HZ)
        self._held = b""

    def push(self, pcm: Pcm) -> list[bytes]:
        return self._cut(self._resampler.resample(pcm))

    def flush(self) -> list[bytes]:
        frames = self._cut(self._resampler.flush())
        if not self._held:
            return frames
        missing = _TELEPHONE_FRAME_BYTES - len(self._held)
        return [*frames, *self._cut(Pcm(b"\0" * missing * self._format.bytes_per_frame, self._format))]

    def seconds(self, frame: bytes) -> float:
        return len(frame) / _TELEPHONE_RATE_HZ

    def _cut(self, pcm: Pcm) -> list[bytes]:
        if pcm.frames:
            self._held += b"".join(bytes(packet) for packet in self._codec.encode(to_av(pcm)))
        whole = len(self._held) // _TELEPHONE_FRAME_BYTES * _TELEPHONE_FRAME_BYTES
        frames = [self._held[at : at + _TELEPHONE_FRAME_BYTES] for at in range(0, whole, _TELEPHONE_FRAME_BYTES)]
        self._held = self._held[whole:]
        return frames


def _codec(name: str, sample_rate_hz: int) -> AudioCodecContext:
    context = cast("AudioCodecContext", AudioCodecContext.create(name, "w"))
    context.sample_rate = sample_rate_hz
    context.layout = "mono"
    context.format = "s16"
    return context

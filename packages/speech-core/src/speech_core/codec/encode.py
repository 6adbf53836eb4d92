"""Samples in, a file out as it grows; no I/O."""

# PyAV leaves the type of a packet's stream open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import struct
from typing import IO, Protocol, cast

import av
from av.audio.stream import AudioStream

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.resample import Resampler, layout_name, to_av
from speech_core.contracts.speech import SAMPLE_RATE_RANGE_HZ
from speech_core.errors import InvalidRequest

# Rates that may be asked of mp3 and aac, those that both codecs know (ffmpeg's tables).
LOSSY_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# mp3 and aac cannot say what they padded: up to 2,300 samples, whatever the rate. At this one it is at most 53 ms; at
# 24 and 32 kHz up to 85 ms, at 8 kHz a quarter of a second.
_LEAST_LOSSY_RATE_HZ = 44_100
_OPUS_RATE_HZ = 48_000
_TELEPHONE_RATE_HZ = 8_000
# Speech: transparent for a voice, a third of what music wants.
_MP3_BITS_PER_SECOND = 64_000
_AAC_BITS_PER_SECOND = 64_000
_OPUS_BITS_PER_SECOND = 32_000
# One packet a page: the first sound leaves at once, for 1 % more bytes.
_OGG_PAGE_MICROSECONDS = "20000"
# The length of a stream is not known when its header goes out; players read this as "until the end".
_UNKNOWN_LENGTH = 0xFFFFFFFF


class Encoder(Protocol):
    """
    Turns runs of one format into the bytes of a file, incrementally.

    *content_type* is exact, *format* is that of the sound inside the file.
    """

    content_type: str
    format: AudioFormat

    def encode(self, pcm: Pcm) -> bytes: ...

    def flush(self) -> bytes: ...


def encoder_for(name: str, source: AudioFormat, *, sample_rate_hz: int | None = None) -> Encoder:
    """
    An encoder of *source* into *name*: pcm, wav, mp3, opus, flac, aac, mulaw or alaw.

    mp3 and aac have 44.1 kHz where less is asked for.
    Raises `InvalidRequest` for another name (unsupported_format), or a rate that the format cannot have.
    """
    check_rate(sample_rate_hz)
    rate_hz = sample_rate_hz or source.sample_rate_hz
    wanted = AudioFormat(rate_hz, source.channels)
    match name:
        case "pcm":
            return PcmEncoder(source, wanted)
        case "wav":
            return WavEncoder(source, wanted)
        case "flac":
            return ContainerEncoder(source, wanted, "flac", "flac", content_type="audio/flac")
        case "mp3":
            target = AudioFormat(_lossy_rate(rate_hz, exact=sample_rate_hz), source.channels)
            encoder = ContainerEncoder(source, target, "mp3", "libmp3lame", content_type="audio/mpeg")
        case "aac":
            target = AudioFormat(_lossy_rate(rate_hz, exact=sample_rate_hz), source.channels)
            encoder = ContainerEncoder(source, target, "adts", "aac", content_type="audio/aac")
        case "opus":
            target = AudioFormat(_next_rate((_OPUS_RATE_HZ,), rate_hz, exact=sample_rate_hz), source.channels)
            encoder = ContainerEncoder(source, target, "ogg", "libopus", content_type="audio/ogg;codecs=opus")
        case "mulaw" | "alaw":
            target = AudioFormat(_next_rate((_TELEPHONE_RATE_HZ,), rate_hz, exact=sample_rate_hz), source.channels)
            content_type = "audio/basic" if name == "mulaw" else "audio/PCMA"
            encoder = ContainerEncoder(source, target, name, f"pcm_{name}", content_type=content_type)
        case _:
            raise InvalidRequest(f"`{name}` is not a format", code="unsupported_format", param="format")
    return encoder


def check_rate(sample_rate_hz: int | None) -> None:
    """Refuse a rate that nothing of ours speaks at."""
    least_hz, most_hz = SAMPLE_RATE_RANGE_HZ
    if sample_rate_hz is not None and not least_hz <= sample_rate_hz <= most_hz:
        message = f"{sample_rate_hz} Hz is not between {least_hz} and {most_hz}"
        raise InvalidRequest(message, code="unsupported_format", param="sample_rate")


def _lossy_rate(rate_hz: int, *, exact: int | None) -> int:
    return max(_LEAST_LOSSY_RATE_HZ, _next_rate(LOSSY_RATES_HZ, rate_hz, exact=exact))


def _next_rate(rates_hz: tuple[int, ...], rate_hz: int, *, exact: int | None) -> int:
    if exact is not None and exact not in rates_hz:
        known = ", ".join(str(rate) for rate in rates_hz)
        raise InvalidRequest(f"this format takes {known} Hz", code="unsupported_format", param="sample_rate")
    return next((rate for rate in rates_hz if rate >= rate_hz), rates_hz[-1])


class PcmEncoder:
    """Bare samples."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.format = target
        self.content_type = f"audio/pcm;rate={target.sample_rate_hz};channels={target.channels}"
        self._resampler = Resampler(source, target)

    def encode(self, pcm: Pcm) -> bytes:
        return self._resampler.resample(pcm).data

    def flush(self) -> bytes:
        return self._resampler.flush().data


class WavEncoder:
    """A header of a stream, then bare samples."""

    content_type = "audio/wav"

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.format = target
        self._resampler = Resampler(source, target)
        self._started = False

    def encode(self, pcm: Pcm) -> bytes:
        return self._header() + self._resampler.resample(pcm).data

    def flush(self) -> bytes:
        return self._header() + self._resampler.flush().data

    def _header(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        rate_hz, frame_bytes = self.format.sample_rate_hz, self.format.bytes_per_frame
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", _UNKNOWN_LENGTH, b"WAVE",
            b"fmt ", 16, 1, self.format.channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16,
            b"data", _UNKNOWN_LENGTH,
        )  # fmt: skip


class ContainerEncoder:
    """A codec in a container, by ffmpeg, into memory that is emptied after every call."""

    def __init__(
        self, source: AudioFormat, target: AudioFormat, container: str, codec: str, *, content_type: str
    ) -> None:
        self.format = target
        self.content_type = content_type
        self._resampler = Resampler(source, target)
        self._out = _Outbox()
        options = {"flush_packets": "1", **_CONTAINER_OPTIONS.get(container, {})}
        self._container = av.open(cast("IO[bytes]", self._out), "w", format=container, options=options)
        layout = layout_name(target.channels)
        stream = self._container.add_stream(codec, rate=target.sample_rate_hz, options=None, layout=layout)
        self._stream = cast("AudioStream", stream)
        if bits := _BITS_PER_SECOND.get(codec):
            self._stream.bit_rate = bits * target.channels

    def encode(self, pcm: Pcm) -> bytes:
        return self._mux(self._resampler.resample(pcm))

    def flush(self) -> bytes:
        tail = self._mux(self._resampler.flush())
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return tail + self._out.take()

    def _mux(self, pcm: Pcm) -> bytes:
        if pcm.frames:
            self._container.mux(self._stream.encode(to_av(pcm)))
        return self._out.take()


_CONTAINER_OPTIONS = {
    "mp3": {"write_xing": "0", "id3v2_version": "0"},
    "ogg": {"page_duration": _OGG_PAGE_MICROSECONDS},
}
_BITS_PER_SECOND = {
    "libmp3lame": _MP3_BITS_PER_SECOND,
    "aac": _AAC_BITS_PER_SECOND,
    "libopus": _OPUS_BITS_PER_SECOND,
}


class _Outbox:
    """A file that can only be written, so that ffmpeg never goes back to mend a header that has left."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken

"""A short clip of every container and codec that can be written here: what mutations start from."""

import io
from collections.abc import Iterator

import av
import numpy as np

_SECONDS = 0.15
# AMR knows eight rates, of which none is another codec's.
_BITS_PER_SECOND, _AMR_BITS_PER_SECOND = 64_000, 12_200
# Container, codec, rate, layout: each demuxer that `decode` admits, and the codecs that people send in it.
_KINDS = [
    ("wav", "pcm_s16le", 16_000, "mono"),
    ("wav", "pcm_mulaw", 8_000, "mono"),
    ("wav", "pcm_f32le", 8_000, "stereo"),
    ("wav", "pcm_s24le", 8_000, "5.1"),
    ("wav", "adpcm_ms", 8_000, "mono"),
    ("wav", "adpcm_ima_wav", 8_000, "stereo"),
    ("w64", "pcm_s16le", 8_000, "mono"),
    ("aiff", "pcm_s16be", 8_000, "mono"),
    ("au", "pcm_s16be", 8_000, "mono"),
    ("caf", "pcm_s16be", 8_000, "mono"),
    ("caf", "alac", 16_000, "mono"),
    ("mp3", "libmp3lame", 16_000, "mono"),
    ("flac", "flac", 16_000, "stereo"),
    ("ogg", "libopus", 48_000, "mono"),
    ("ogg", "vorbis", 16_000, "stereo"),
    ("ogg", "flac", 16_000, "mono"),
    ("matroska", "pcm_s16le", 8_000, "mono"),
    ("matroska", "flac", 16_000, "mono"),
    ("webm", "libopus", 48_000, "mono"),
    ("mov", "pcm_s16le", 8_000, "mono"),
    ("mp4", "aac", 16_000, "mono"),
    ("ipod", "alac", 16_000, "stereo"),
    ("3gp", "libopencore_amrnb", 8_000, "mono"),
    ("amr", "libopencore_amrnb", 8_000, "mono"),
    ("adts", "aac", 16_000, "mono"),
    ("asf", "wmav2", 44_100, "mono"),
    ("mpegts", "aac", 16_000, "mono"),
    ("mpegts", "mp2", 16_000, "mono"),
    ("mpeg", "mp2", 44_100, "mono"),
    ("avi", "libmp3lame", 16_000, "mono"),
    ("avi", "pcm_s16le", 8_000, "mono"),
]


def clips() -> Iterator[tuple[str, bytes]]:
    """Each clip with its name; those whose codec this build of ffmpeg cannot write are left out."""
    for container, codec, rate_hz, layout in _KINDS:
        if codec in av.codecs_available:
            yield f"{container}-{codec}-{layout}", _clip(container, codec, rate_hz, layout)


def _clip(container: str, codec: str, rate_hz: int, layout: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=layout, options={"strict": "experimental"})
        stream.bit_rate = _AMR_BITS_PER_SECOND if "amr" in codec else _BITS_PER_SECOND
        channels = av.AudioLayout(layout).nb_channels
        times = np.arange(int(_SECONDS * rate_hz)) / rate_hz
        wave = (8_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels).reshape(1, -1), "s16", layout)
        frame.sample_rate = rate_hz
        # flac ends with a packet without a byte, which not every container takes.
        file.mux(packet for packet in [*stream.encode(frame), *stream.encode(None)] if packet.size)
    return out.getvalue()

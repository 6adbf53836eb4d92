"""Sounds made on the spot: sines, files of every kind, and the pitch of what came back."""

import io
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import DecodeLimits

PITCH_HZ = 440
# By the number of channels; what encoders take.
LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


class Sounds:
    """What the tests speak with."""

    limits = DecodeLimits(max_audio_seconds=3600, max_decoded_bytes=1 << 30)
    wanted = AudioFormat(16_000)

    def sine(self, seconds: float, *, rate_hz: int = 22_050, channels: int = 1) -> Pcm:
        form = AudioFormat(rate_hz, channels)
        times = np.arange(round(seconds * rate_hz)) / rate_hz
        wave = (12_000 * np.sin(2 * np.pi * PITCH_HZ * times)).astype("<i2")
        return Pcm(np.repeat(wave, channels).tobytes(), form)

    def pieces(self, pcm: Pcm, *, seconds: float = 0.02) -> list[Pcm]:
        size = int(seconds * pcm.format.sample_rate_hz) * pcm.format.bytes_per_frame
        return [Pcm(pcm.data[at : at + size], pcm.format) for at in range(0, len(pcm.data), size)]

    def pitch_hz(self, pcm: Pcm) -> float:
        """The loudest frequency of the first channel."""
        samples = np.frombuffer(pcm.data, "<i2")[:: pcm.format.channels].astype(float)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(np.argmax(spectrum)) * pcm.format.sample_rate_hz / len(samples)

    def joined(self, parts: Iterable[Pcm]) -> Pcm:
        return Pcm(b"".join(part.data for part in parts), self.wanted)

    def wav(self, pcm: Pcm, *, data_bytes: int | None = None) -> bytes:
        """A file of one `data` chunk, whose header may lie."""
        size = len(pcm.data) if data_bytes is None else data_bytes
        form = pcm.format
        return (
            struct.pack("<4sI4s", b"RIFF", min(size + 36, 0xFFFFFFFF), b"WAVE")
            + struct.pack("<4sIHHII", b"fmt ", 16, 1, form.channels, form.sample_rate_hz, 0)
            + struct.pack("<HH4sI", form.bytes_per_frame, 16, b"data", size)
            + pcm.data
        )

    def muxed(self, pcm: Pcm, container: str, codec: str) -> bytes:
        """*pcm* in a seekable file, so that its header tells its length."""
        out, form = io.BytesIO(), pcm.format
        layout = LAYOUTS[form.channels - 1]
        with av.open(out, "w", format=container) as file:
            stream = file.add_stream(codec, rate=form.sample_rate_hz, layout=layout)
            frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm.data, "<i2").reshape(1, -1), "s16", layout)
            frame.sample_rate = form.sample_rate_hz
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return out.getvalue()

    def silence(self, hours: float, codec: str) -> bytes:
        """A bomb: hours that weigh next to nothing."""
        out, rate_hz = io.BytesIO(), 8_000
        with av.open(out, "w", format={"flac": "flac", "libopus": "ogg"}[codec]) as file:
            stream = file.add_stream(codec, rate=rate_hz, layout="mono")
            minute = np.zeros((1, rate_hz * 60), dtype="<i2")
            for _ in range(round(hours * 60)):
                frame = av.AudioFrame.from_ndarray(minute, "s16", "mono")
                frame.sample_rate = rate_hz
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return out.getvalue()


@pytest.fixture
def sounds() -> Sounds:
    return Sounds()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(content: bytes) -> Path:
        path = tmp_path / "audio"
        path.write_bytes(content)
        return path

    return save

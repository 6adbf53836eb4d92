"""From one rate and channel count to another; the only resampler, over swresample."""

# PyAV leaves the type of a packet's stream open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import av
import numpy as np

from speech_core.audio import AudioFormat, Pcm


class Resampler:
    """
    Convert runs of *source* to *target*, keeping state between runs.

    After `flush`, what came out has as many frames as what went in times the ratio of the rates, to the frame.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self._same = source == target
        self._resampler = av.AudioResampler("s16", layout_name(target.channels), target.sample_rate_hz)
        self._in_frames = 0
        self._out_frames = 0

    def resample(self, pcm: Pcm) -> Pcm:
        """The part of *pcm* that can be converted by now; a few milliseconds stay inside."""
        if self._same or not pcm.frames:
            return pcm if self._same else Pcm(b"", self.target)
        self._in_frames += pcm.frames
        return self._joined(self._resampler.resample(to_av(pcm)))

    def flush(self) -> Pcm:
        """The rest, cut or padded to the exact length."""
        if self._same or not self._in_frames:
            return Pcm(b"", self.target)
        rest = self._joined(self._resampler.resample(None)).data
        exact = round(self._in_frames * self.target.sample_rate_hz / self.source.sample_rate_hz)
        surplus = (self._out_frames - exact) * self.target.bytes_per_frame
        if surplus > 0:
            return Pcm(rest[: max(0, len(rest) - surplus)], self.target)
        return Pcm(rest + b"\0" * -surplus, self.target)

    def _joined(self, frames: list[av.AudioFrame]) -> Pcm:
        pcm = Pcm(b"".join(from_av(frame) for frame in frames), self.target)
        self._out_frames += pcm.frames
        return pcm


def layout_name(channels: int) -> str:
    """ffmpeg's name of a layout with that many channels."""
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")


def to_av(pcm: Pcm) -> av.AudioFrame:
    """*pcm* as a frame of ffmpeg, without a time stamp."""
    samples = np.frombuffer(pcm.data, dtype="<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout_name(pcm.format.channels))
    frame.sample_rate = pcm.format.sample_rate_hz
    return frame


def from_av(frame: av.AudioFrame) -> bytes:
    """The interleaved samples of a packed s16 *frame*."""
    return frame.to_ndarray().astype("<i2", copy=False).tobytes()

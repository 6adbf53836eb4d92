"""Faster or slower at the same pitch, for engines that have one pace."""

# PyAV leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import cast

import av
from av.filter import Graph

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.resample import from_av, layout_name, to_av

# What one `atempo` of ffmpeg takes; two of them reach from 0.25 to 4.
_LEAST, _MOST = 0.5, 100.0


class Tempo:
    """Sound of one format, *speed* times as fast."""

    def __init__(self, sound: AudioFormat, speed: float) -> None:
        self._format = sound
        self._speeds = list(_factors(speed))

    def whole(self, pcm: Pcm) -> Pcm:
        """All of *pcm*; at speed 1, or without sound, as it is."""
        if not self._speeds or not pcm.frames:
            return pcm
        graph = self._graph()
        graph.push(to_av(pcm))
        graph.push(None)
        return Pcm(b"".join(_pulled(graph)), self._format)

    def _graph(self) -> Graph:
        graph, layout = Graph(), layout_name(self._format.channels)
        steps = [
            graph.add_abuffer(sample_rate=self._format.sample_rate_hz, format="s16", layout=layout),
            *(graph.add("atempo", str(speed)) for speed in self._speeds),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*steps).configure()
        return graph


def _factors(speed: float) -> Iterator[float]:
    if abs(speed - 1) < 0.01:  # nobody hears a hundredth
        return
    while not _LEAST <= speed <= _MOST:
        yield _LEAST
        speed /= _LEAST
    yield speed


def _pulled(graph: Graph) -> Iterator[bytes]:
    while True:
        try:
            part = graph.pull()
        except (BlockingIOError, EOFError):  # PyAV's own are both
            return
        yield from_av(cast("av.AudioFrame", part))

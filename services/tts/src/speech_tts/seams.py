"""Where phrases meet: their own silence is trimmed, the pause is that of the punctuation, and the edges are faded."""

import re
import warnings
from typing import Any

from speech_core.audio import AudioFormat, Pcm

with warnings.catch_warnings():
    # It looks for ffmpeg, which is not needed for samples.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

# pydub ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

# Softer than this is no speech, but the start of a soft consonant, or the end of a breath, is near it.
_SILENT_DBFS = -50.0
_STEP_MILLISECONDS = 5
_KEPT_MILLISECONDS = 30
# Too short to be heard as a fade, long enough to be no click.
_FADE_MILLISECONDS = 4

_STOP = re.compile(r"""[.!?…。！？｡؟۔]["'”’»)\]」』）]*$""")
_CLAUSE = re.compile(r"""[,;:—–،，、；：]["'”’»)\]」』）]*$""")
_PARAGRAPH = re.compile(r"\s*\n\s*\n")
_CLAUSE_PART, _PARAGRAPH_PARTS = 0.4, 2.0


class Seams:
    """The phrases of one utterance, one after the other: *pause_seconds* is what follows a sentence."""

    def __init__(self, sound: AudioFormat, *, pause_seconds: float) -> None:
        self._format = sound
        self._pause_seconds = pause_seconds
        self._ended: str | None = None

    def join(self, phrase: Pcm, text: str, *, goes_on: bool = False) -> Pcm:
        """The phrase as it is to follow the last one; *text* is the piece it is of, which may have begun before."""
        begins = self._ended is None or goes_on
        pause = Pcm(b"", self._format) if begins else self._silence(self._parts(self._ended or "", text))
        self._ended = text
        return Pcm(pause.data + smoothed(phrase).data, self._format)

    def _parts(self, before: str, after: str) -> float:
        if _PARAGRAPH.match(after):
            return _PARAGRAPH_PARTS
        if _STOP.search(before.rstrip()):
            return 1.0
        return _CLAUSE_PART if _CLAUSE.search(before.rstrip()) else 0.0

    def _silence(self, parts: float) -> Pcm:
        frames = round(parts * self._pause_seconds * self._format.sample_rate_hz)
        return Pcm(bytes(frames * self._format.bytes_per_frame), self._format)


def smoothed(phrase: Pcm) -> Pcm:
    """Without the silence at its ends, and faded; what is silent from end to end is left as it is."""
    sound: Any = AudioSegment(
        phrase.data, sample_width=2, frame_rate=phrase.format.sample_rate_hz, channels=phrase.format.channels
    )
    leading = int(detect_leading_silence(sound, _SILENT_DBFS, _STEP_MILLISECONDS))
    if leading >= len(sound):
        return phrase
    trailing = int(detect_leading_silence(sound.reverse(), _SILENT_DBFS, _STEP_MILLISECONDS))
    start, end = max(0, leading - _KEPT_MILLISECONDS), len(sound) - max(0, trailing - _KEPT_MILLISECONDS)
    faded = sound[start:end].fade_in(_FADE_MILLISECONDS).fade_out(_FADE_MILLISECONDS)
    return Pcm(bytes(faded.raw_data), phrase.format)

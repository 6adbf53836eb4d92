"""Subtitles: segments as SubRip (srt) and WebVTT (vtt)."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from speech_asr.segments import Segment

# A cue that is over before it begins is an error to some players.
_SHORTEST_MILLISECONDS = 1
_ARROW = re.compile(r"-{2,}>")


def srt(segments: Sequence[Segment]) -> str:
    """SubRip has no escape: an arrow in a text would be read as a time. It has no speakers either: they stand in it."""
    cues = (
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n"
        f"{f'{speaker}: ' if speaker else ''}{_ARROW.sub('->', text)}\n"
        for number, (start, end, text, speaker) in enumerate(_cues(segments), start=1)
    )
    return "\n".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT (W3C, 2019): a text's `&`, `<` and `>` are escaped; a speaker has the tag of a voice."""
    cues = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n"
        f"{f'<v {speaker}>' if speaker else ''}{escape(text, quote=False)}\n"
        for start, end, text, speaker in _cues(segments)
    )
    return "\n".join(["WEBVTT\n", *cues])


def _cues(segments: Sequence[Segment]) -> Iterable[tuple[int, int, str, str | None]]:
    for segment in segments:
        if text := " ".join(segment.text.split()):
            start = round(segment.start_seconds * 1000)
            yield start, max(round(segment.end_seconds * 1000), start + _SHORTEST_MILLISECONDS), text, segment.speaker


def _clock(milliseconds: int, mark: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{thousandths:03}"

"""What is known of one recording while it is being recognized."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import anyio

from speech_asr import render
from speech_asr.backlog import Lease
from speech_asr.coverage import Coverage
from speech_asr.engines import Task
from speech_asr.scheduler import Share
from speech_asr.segments import Recognized, Segment
from speech_asr.vad import Window
from speech_core.codec.decode import Header, RawAudio
from speech_core.contracts.transcription import DoneEvent, ProgressEvent, SegmentEvent
from speech_core.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Recording:
    """What the caller says of the audio; *raw* when it has no container."""

    task: Task
    raw: RawAudio | None = None


def failed(outcome: Recognized | None) -> bool:
    """Whether the words of a window cannot be trusted: the engine broke, or ran into its bound."""
    return outcome is None or outcome.cut


class Hearing:
    """Takes the windows of a recording in order; gives the events of each, and at the end the whole."""

    def __init__(self, recording: Recording, lease: Lease) -> None:
        self.task = recording.task
        self.lease = lease
        self.share = Share()
        self.started_seconds = anyio.current_time()
        self._coverage = Coverage()
        self._found: list[Segment] = []
        self._announced_seconds: float | None = None

    @property
    def language(self) -> str | None:
        """As it was asked for, or as the first window with speech told it."""
        return self.task.language

    def announce(self, header: Header) -> None:
        """The file's header was read; called from another thread."""
        self._announced_seconds = header.seconds or None

    def take(self, window: Window, outcome: Recognized | None) -> Generator[SegmentEvent | ProgressEvent]:
        """Count the window and tell what was said in it; *outcome* None when the engine failed on it."""
        self._coverage.add(Coverage.of(window, failed=failed(outcome)))
        self.lease.done(window.seconds)
        segments = self._segments(window, outcome)
        for index, segment in enumerate(segments):
            self._found.append(segment)
            final = window.is_last and index == len(segments) - 1
            yield render.segment_event(segment, self.language, final=final)
        yield ProgressEvent(processed_seconds=round(window.end_seconds, 3), audio_seconds=self._announced_seconds)

    def meet(self, window: Window) -> None:
        """A window was cut: the last one, or the header, tells how long the whole is."""
        if window.is_last:
            self.lease.correct(window.end_seconds)
        elif self._announced_seconds is not None:
            self.lease.correct(self._announced_seconds)

    def _segments(self, window: Window, outcome: Recognized | None) -> list[Segment]:
        if outcome is None:
            return []
        self.task = replace(self.task, language=self.task.language or outcome.language)
        return [part.shifted(window.start_seconds, end_seconds=window.end_seconds) for part in outcome.segments]

    def done(self) -> DoneEvent:
        """The whole; raises `Unavailable` (engine_failed) when there was speech and none of it was recognized."""
        if self._coverage.failed_samples and not self._coverage.transcribed_samples and not self._found:
            raise Unavailable("the engine failed on this audio", code="engine_failed")
        return DoneEvent(**render.transcription(self._found, self.language, self._coverage).model_dump())

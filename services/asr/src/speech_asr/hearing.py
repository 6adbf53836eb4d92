"""What is known of one recording while it is being recognized."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from speech_asr.backlog import Lease
from speech_asr.coverage import Coverage, Fate
from speech_asr.engines import Task
from speech_asr.scheduler import Share
from speech_asr.segments import Recognized, Segment
from speech_asr.vad import Window
from speech_core.codec.decode import Header, RawAudio
from speech_core.errors import Unavailable
from speech_core.service.observation import Observation, current


@dataclass(frozen=True, slots=True)
class Recording:
    """What the caller says of the audio; *raw* when it has no container, *multichannel* when each channel is heard."""

    task: Task
    raw: RawAudio | None = None
    multichannel: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment, recognized just now; *final* when it is known that none follows."""

    segment: Segment
    language: str | None
    final: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the recognition is; *audio_seconds* where it is known how long the audio is."""

    processed_seconds: float
    audio_seconds: float | None


@dataclass(frozen=True, slots=True)
class Whole:
    """All that was recognized; *coverage* is that of all channels together."""

    segments: Sequence[Segment]
    language: str | None
    duration_seconds: float
    coverage: Coverage


Event = Heard | Progress | Whole


@dataclass(slots=True)
class Request:
    """
    One request: its audio, and its share of the engine.

    *patience_seconds* is how long it may take, beside twice its audio.
    """

    recording: Recording
    lease: Lease
    patience_seconds: float
    share: Share = field(default_factory=Share)
    started_seconds: float = field(default_factory=anyio.current_time)
    observation: Observation = field(default_factory=current)

    @property
    def deadline_seconds(self) -> float:
        """When it must have been heard, as far as it is known how long it is; on the loop's clock."""
        return self.started_seconds + self.patience_seconds + 2 * self.lease.audio_seconds


def spoken(outcome: Recognized) -> Recognized:
    """Without what nobody said: of music and noise, Whisper writes dots and notes."""
    said = [part for part in outcome.segments if any(character.isalnum() for character in part.text)]
    return replace(outcome, segments=said)


def fate(outcome: Recognized | None) -> Fate:
    """What became of a window's speech: its words cannot be trusted where the engine broke, or ran into its bound."""
    if outcome is None or (outcome.cut and outcome.segments):
        return "failed"
    return "transcribed" if outcome.segments else "silent"


class Hearing:
    """Takes the windows of a recording, or of one *channel* of it, in order; gives what each of them tells."""

    def __init__(self, request: Request, channel: int | None = None) -> None:
        self.request = request
        self.task = request.recording.task
        self.channel = channel
        self.coverage = Coverage()
        self.found: list[Segment] = []
        self.processed_seconds = 0.0
        # The language was asked for, or a window with speech was answered and could tell it.
        self.may_run_ahead = self.task.language is not None
        self._announced_seconds: float | None = None

    @property
    def language(self) -> str | None:
        """As it was asked for, or as the first window with words told it."""
        return self.task.language

    def announce(self, header: Header) -> None:
        """The file's header was read; called from another thread."""
        self._announced_seconds = header.seconds or None

    def meet(self, window: Window) -> None:
        """A window was cut: the last one, or the header, tells how long the whole is."""
        lease = self.request.lease
        if (whole_seconds := self._whole_seconds(window)) is None:
            lease.reach(window.end_seconds * lease.channels)
        else:
            lease.correct(whole_seconds * lease.channels)

    def left_seconds(self, window: Window) -> float:
        """What is still to be heard of the whole request: where nobody knows it, all that may be, but of the first."""
        lease = self.request.lease
        is_known = window.start_sample == 0 or self._whole_seconds(window) is not None
        return lease.remaining_seconds if is_known else lease.longest_seconds

    def _whole_seconds(self, window: Window) -> float | None:
        """How long the audio is, by its last *window* or its header, unless that has proved wrong."""
        if window.is_last:
            return window.end_seconds
        announced_seconds = self._announced_seconds
        return announced_seconds if announced_seconds and announced_seconds >= window.end_seconds else None

    def take(self, window: Window, outcome: Recognized | None) -> Generator[Heard | Progress]:
        """Count the window and tell what was said in it; *outcome* None when the engine failed on it."""
        self.coverage.add(Coverage.of(window, fate(outcome)))
        self.request.lease.done(window.seconds)
        self.processed_seconds = window.end_seconds
        self.may_run_ahead = self.may_run_ahead or bool(window.speech)
        if outcome and outcome.segments:
            self.task = replace(self.task, language=self.task.language or outcome.language)
        segments = [
            replace(part.shifted(window.start_seconds, end_seconds=window.end_seconds), channel=self.channel)
            for part in (outcome.segments if outcome else ())
        ]
        self.found += segments
        for number, segment in enumerate(segments, start=1):
            final = window.is_last and number == len(segments) and self.request.lease.channels == 1
            yield Heard(segment, self.language, final)
        yield Progress(window.end_seconds, self._whole_seconds(window))


def whole(hearings: Sequence[Hearing]) -> Whole:
    """The sum of all channels; raises `Unavailable` (engine_failed) when there was speech and no word of it."""
    coverage = Coverage()
    for hearing in hearings:
        coverage.add(hearing.coverage)
    segments = sorted(
        (segment for hearing in hearings for segment in hearing.found), key=lambda segment: segment.start_seconds
    )
    if coverage.failed_samples and not coverage.transcribed_samples and not segments:
        raise Unavailable("the engine failed on this audio", code="engine_failed")
    language = next((hearing.language for hearing in hearings if hearing.language), None)
    return Whole(segments, language, max(hearing.coverage.audio_seconds for hearing in hearings), coverage)


async def last(events: AsyncGenerator[Event]) -> Whole:
    """The whole, once all is recognized."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Whole):
                return event
    raise AssertionError("the pipeline ends with the whole")

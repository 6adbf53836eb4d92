"""
How sound becomes text. Read top to bottom:

bytes - spool - decode - vad - scheduler.submit - engine - segments - render
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import structlog
from anyio import CapacityLimiter

from speech_asr import render
from speech_asr.coverage import Coverage
from speech_asr.engines import Engine, Task
from speech_asr.scheduler import Scheduler
from speech_asr.segments import Segment
from speech_asr.settings import AsrSettings
from speech_asr.spool import Spool
from speech_asr.vad import HEARD, Window, detector_for, windows
from speech_core.codec.decode import DecodeLimits, RawAudio
from speech_core.codec.isolation import decode_isolated
from speech_core.contracts.transcription import DoneEvent, SegmentEvent
from speech_core.errors import DeadlineExceeded, Unavailable
from speech_core.pipeline.pull import pull
from speech_core.service.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Decoded bytes a second of the richest form that is taken seriously: 48 kHz, 7.1 channels, 32 bits.
_RICHEST_BYTES_PER_SECOND = 48_000 * 8 * 4


@dataclass(frozen=True, slots=True)
class Recording:
    """What the caller says of the audio; *raw* when it has no container."""

    task: Task
    raw: RawAudio | None = None


class Pipeline:
    """An engine behind its scheduler, with the bounds of one service."""

    def __init__(self, engine: Engine, settings: AsrSettings, metrics: Metrics) -> None:
        self.engine = engine
        self._scheduler = Scheduler(engine, settings.concurrency)
        self._spool = Spool(settings.spool_bytes)
        self._detect = detector_for(engine.name)
        self._limits = DecodeLimits(
            settings.max_audio_seconds, int(settings.max_audio_seconds * _RICHEST_BYTES_PER_SECOND)
        )
        self._deadline_seconds = settings.deadline_seconds
        self._metrics = metrics
        self._decoders = CapacityLimiter(settings.seats)

    async def recognize(
        self, body: AsyncIterable[bytes], recording: Recording
    ) -> AsyncGenerator[SegmentEvent | DoneEvent]:
        """Each segment once its window is recognized, at the end the whole. *body* is read before anything is sent."""
        async with self._spool.receive(body) as path, aclosing(self._events(path, recording)) as events:
            async for event in events:
                yield event

    async def _events(self, path: Path, recording: Recording) -> AsyncGenerator[SegmentEvent | DoneEvent]:
        found: list[Segment] = []
        coverage, task, started_seconds = Coverage(), recording.task, anyio.current_time()
        decoded = decode_isolated(path, HEARD, limits=self._limits, raw=recording.raw)
        async with aclosing(pull(windows(decoded, self._detect), limiter=self._decoders)) as cut:
            async for window in cut:
                deadline_seconds = started_seconds + self._deadline_seconds + 2 * window.end_seconds
                segments, task = await self._window(window, task, coverage, deadline_seconds)
                for index, segment in enumerate(segments):
                    found.append(segment)
                    final = window.is_last and index == len(segments) - 1
                    yield render.segment_event(segment, task.language, final=final)
        if coverage.failed_samples and not coverage.transcribed_samples:
            raise Unavailable("the engine failed on this audio", code="engine_failed")
        whole = render.transcription(found, task.language, coverage)
        yield DoneEvent(**whole.model_dump())

    async def _window(
        self, window: Window, task: Task, coverage: Coverage, deadline_seconds: float
    ) -> tuple[list[Segment], Task]:
        """One window's segments on the clock of the file; what the engine fails on is counted, not hidden."""
        if not window.speech:
            self._count(window, coverage)
            return [], task
        try:
            with anyio.fail_after(max(0.0, deadline_seconds - anyio.current_time())):
                recognized = await self._scheduler.submit(window, task)
        except TimeoutError:
            raise DeadlineExceeded("the audio was not recognized in time") from None
        except Exception:
            log.exception("window_failed")
            self._count(window, coverage, failed=True)
            return [], task
        self._count(window, coverage)
        shifted = [part.shifted(window.start_seconds, end_seconds=window.end_seconds) for part in recognized.segments]
        return shifted, replace(task, language=task.language or recognized.language)

    def _count(self, window: Window, coverage: Coverage, *, failed: bool = False) -> None:
        heard = Coverage()
        heard.count(window, failed=failed)
        coverage.count(window, failed=failed)
        self._metrics.audio("in", "transcribed", heard.transcribed_samples / HEARD.sample_rate_hz)
        self._metrics.audio("in", "silent", heard.silent_samples / HEARD.sample_rate_hz)
        self._metrics.audio("in", "failed", heard.failed_samples / HEARD.sample_rate_hz)

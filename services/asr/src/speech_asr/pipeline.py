"""
How sound becomes text. Read top to bottom:

bytes - spool - decode - vad - scheduler.submit - engine - segments - render
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, aclosing, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import structlog
from anyio import CapacityLimiter, to_thread

from speech_asr.backlog import Backlog, Lease
from speech_asr.coverage import Coverage
from speech_asr.engines import Engine
from speech_asr.hearing import Event, Hearing, Progress, Recording, Request, fate, spoken, whole
from speech_asr.scheduler import Scheduler, Ticket
from speech_asr.segments import Recognized
from speech_asr.settings import AsrSettings
from speech_asr.spool import Spool
from speech_asr.vad import HEARD, Detector, Samples, Spans, Window, detector_for, windows
from speech_core.audio import Pcm
from speech_core.codec.decode import DecodeLimits
from speech_core.codec.isolation import decode_isolated, probe_isolated
from speech_core.errors import DeadlineExceeded, InvalidRequest, TooLarge
from speech_core.pipeline.pull import pull
from speech_core.service.metrics import Metrics
from speech_core.service.observation import current
from speech_core.service.tracing import Span

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Decoded bytes a second of the richest form that is taken seriously: 48 kHz, 7.1 channels, 32 bits.
_RICHEST_BYTES_PER_SECOND = 48_000 * 8 * 4
# As many as a film has; each costs a decoder of its own.
_MOST_CHANNELS = 8
# Threads that decode, look for speech and make features: the model has the cores, these fill its pauses.
_LISTENERS_PER_WORKER = 2


class Pipeline:
    """An engine behind its scheduler, with the bounds of one service."""

    def __init__(
        self, engine: Engine, scheduler: Scheduler, backlog: Backlog, settings: AsrSettings, metrics: Metrics
    ) -> None:
        self.engine = engine
        self._metrics = metrics
        self._scheduler = scheduler
        self._backlog = backlog
        self._spool = Spool(settings.spool_bytes)
        self._detect = detector_for(settings.engine)
        self._limits = DecodeLimits(
            settings.max_audio_seconds, int(settings.max_audio_seconds * _RICHEST_BYTES_PER_SECOND)
        )
        self._patience_seconds = settings.deadline_seconds
        self._listeners = CapacityLimiter(max(4, _LISTENERS_PER_WORKER * settings.layout.workers))

    async def recognize(
        self, body: AsyncIterable[bytes], recording: Callable[[], Recording], lease: Lease
    ) -> AsyncGenerator[Event]:
        """
        Each segment once its window is recognized, at the end the whole.

        *body* is read before anything is sent; *recording* is called once it has been, since a form may say after
        its file what is to be done with it.
        """
        async with AsyncExitStack() as stack:
            with current().span.child("spool"):
                path = await stack.enter_async_context(self._spool.receive(body))
            request = Request(recording(), lease, self._patience_seconds)
            hearings = await self._hearings(path, request)
            async with aclosing(self._in_step(path, hearings)) as events:
                async for event in events:
                    yield event
            heard = whole(hearings)
            request.observation.fields["audio_seconds"] = round(heard.coverage.audio_seconds, 3)
            request.observation.stage = "send"
            yield heard

    async def _hearings(self, path: Path, request: Request) -> list[Hearing]:
        """One for the file, or one for each of its channels."""
        if not request.recording.multichannel:
            return [Hearing(request)]
        probe = partial(probe_isolated, path, limits=self._limits, raw=request.recording.raw)
        header = await to_thread.run_sync(probe, limiter=self._listeners)
        if header.channels < 2:
            raise InvalidRequest(
                "`multichannel` needs audio of two channels or more; this has one",
                code="single_channel",
                param="multichannel",
            )
        if header.channels > _MOST_CHANNELS:
            raise InvalidRequest(
                f"`multichannel` takes up to {_MOST_CHANNELS} channels; this has {header.channels}",
                code="too_many_channels",
                param="multichannel",
            )
        if header.seconds * header.channels > self._limits.max_audio_seconds:
            raise _too_long(self._limits.max_audio_seconds, header.channels)
        self._backlog.split(request.lease, header.channels)
        return [Hearing(request, channel) for channel in range(header.channels)]

    async def _in_step(self, path: Path, hearings: Sequence[Hearing]) -> AsyncGenerator[Event]:
        """The events of all hearings, the one that is behind first."""
        async with AsyncExitStack() as stack:
            waiting = {
                hearing: await stack.enter_async_context(aclosing(self._heard(path, hearing))) for hearing in hearings
            }
            while waiting:
                hearing = min(waiting, key=lambda hearing: hearing.processed_seconds)
                event = await anext(waiting[hearing], None)
                if event is None:
                    del waiting[hearing]
                elif isinstance(event, Progress):
                    yield replace(event, processed_seconds=min(one.processed_seconds for one in hearings))
                else:
                    yield event

    async def _heard(self, path: Path, hearing: Hearing) -> AsyncGenerator[Event]:
        # A header may lie, or not tell it: the channels count together all the same.
        longest_seconds = self._limits.max_audio_seconds / hearing.request.lease.channels
        decoded = decode_isolated(
            path,
            HEARD,
            limits=replace(self._limits, max_audio_seconds=longest_seconds),
            raw=hearing.request.recording.raw,
            channel=hearing.channel,
            on_header=hearing.announce,
        )
        span = hearing.request.observation.span
        cut = pull(windows(_decoding(decoded, span), _detecting(self._detect, span)), limiter=self._listeners)
        try:
            async with aclosing(self._recognized(cut, hearing)) as recognized:
                async for window, outcome in recognized:
                    self._count(window, outcome)
                    for event in hearing.take(window, outcome):
                        yield event
        except TooLarge:
            if hearing.channel is None:
                raise
            raise _too_long(self._limits.max_audio_seconds, hearing.request.lease.channels) from None

    async def _recognized(
        self, cut: AsyncGenerator[Window], hearing: Hearing
    ) -> AsyncGenerator[tuple[Window, Recognized | None]]:
        """The windows in order, a few ahead of the engine, once the first with speech could tell the language."""
        ahead: deque[tuple[Window, Ticket | None]] = deque()
        observation = hearing.request.observation
        try:
            observation.stage = "decode"
            async with aclosing(cut):
                async for window in cut:
                    self._meet(window, hearing)
                    ahead.append((window, await self._submitted(window, hearing)))
                    while ahead and (not hearing.may_run_ahead or len(ahead) > self._scheduler.windows_per_request):
                        yield await self._outcome(*ahead.popleft(), hearing)
                    observation.stage = "decode"
            while ahead:
                yield await self._outcome(*ahead.popleft(), hearing)
        finally:
            for _, ticket in ahead:
                if ticket:
                    self._scheduler.drop(ticket)

    def _meet(self, window: Window, hearing: Hearing) -> None:
        """Raises `Overloaded` where the first window shows that the audio cannot be heard in time."""
        request, lease = hearing.request, hearing.request.lease
        is_first = lease.is_estimate
        hearing.meet(window)
        if is_first:
            self._backlog.check_in_time(lease, request.deadline_seconds)
        lease.deadline_seconds = request.deadline_seconds

    async def _submitted(self, window: Window, hearing: Hearing) -> Ticket | None:
        """The window's place in the line; None where there is no speech."""
        if not window.speech:
            return None
        prepare = partial(self.engine.prepare, speech=window.speech)
        attempt = await to_thread.run_sync(prepare, window.samples, hearing.task, limiter=self._listeners)
        return self._scheduler.submit(
            attempt,
            hearing.request.share,
            audio_seconds=window.seconds,
            remaining_seconds=hearing.left_seconds(window),
            deadline_seconds=hearing.request.deadline_seconds,
        )

    async def _outcome(
        self, window: Window, ticket: Ticket | None, hearing: Hearing
    ) -> tuple[Window, Recognized | None]:
        """What the engine made of the window: None when it failed, which is counted and not hidden."""
        if ticket is None:
            return window, Recognized(None, ())
        hearing.request.observation.stage = "queue" if self._scheduler.waits(ticket) else "engine"
        with anyio.CancelScope(deadline=ticket.share.deadline_seconds):
            try:
                return window, spoken(await self._scheduler.result(ticket))
            except Exception:  # whatever breaks in an engine is that window's failure
                log.exception("window_failed")
                return window, None
        raise DeadlineExceeded("the audio was not recognized in time")

    def _count(self, window: Window, outcome: Recognized | None) -> None:
        for kind, seconds in Coverage.of(window, fate(outcome)).seconds().items():
            self._metrics.audio("in", kind, seconds)
        if outcome and outcome.cut:
            log.warning("decoder_bound_reached", window_seconds=round(window.seconds, 3))


def _too_long(max_audio_seconds: float, channels: int) -> TooLarge:
    return TooLarge(
        f"{channels} channels are longer together than {max_audio_seconds:g} s", code="audio_too_long", param="file"
    )


def _decoding(decoded: Generator[Pcm], parent: Span) -> Generator[Pcm]:
    """*decoded* within a span: the decoder's own process ends with it."""
    with closing(decoded), parent.child("decode"):
        yield from decoded


def _detecting(detect: Detector, parent: Span) -> Detector:
    def detected(samples: Samples) -> Spans:
        with parent.child("vad"):
            return detect(samples)

    return detected

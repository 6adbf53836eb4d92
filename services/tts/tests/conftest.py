"""Engines with gates, and the service around them."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.testing.live import LiveServer, live_server
from speech_tts.app import create_app
from speech_tts.engines import Lanes, Voice
from speech_tts.engines.fake import FakeEngine
from speech_tts.settings import TtsSettings

from .bad_requests import BAD_REQUESTS, BadRequest

FORMAT = AudioFormat(16_000)


class GatedEngine:
    """Half a second of sound for each piece of text; a piece may be made to wait, or to fail."""

    lanes = Lanes(64)

    def __init__(self) -> None:
        self.voices: Mapping[str, Voice] = {"gated": Voice("gated", "gated", "en-US", FORMAT)}
        self.asked: list[str] = []
        self.entered = Event()
        self.closed = Event()
        self.gates: dict[str, Event] = {}
        self.broken: set[str] = set()

    def hold(self, text: str) -> Event:
        """The piece that is *text* is not made before the event is set."""
        self.gates[text] = Event()
        return self.gates[text]

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]:
        text = text.strip()
        self.asked.append(text)
        self.entered.set()
        try:
            if text in self.gates:
                assert self.gates[text].wait(20)
            if text in self.broken:
                raise RuntimeError("the engine's own words")
            yield Pcm(b"\1\0" * 8_000, FORMAT)
        finally:
            self.closed.set()

    def close(self) -> None:
        for gate in self.gates.values():
            gate.set()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def serve() -> Generator[Callable[..., LiveServer]]:
    """Start the service with an engine and settings of the test's own."""
    with ExitStack() as cleanup:

        def start(engine: Any, **settings: Any) -> LiveServer:
            # Tests count samples: without pauses, as many as the engine made.
            app = create_app(TtsSettings(**{"sentence_pause_seconds": 0, **settings}), engine=engine)
            return cleanup.enter_context(live_server(app))

        yield start


@pytest.fixture
def live(serve: Callable[..., LiveServer]) -> LiveServer:
    return serve(FakeEngine())


@pytest.fixture
def bad_requests() -> list[BadRequest]:
    return BAD_REQUESTS

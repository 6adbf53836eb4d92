"""Engines with gates, audio made of tones and silence, and the service around them."""

import io
import os
import tempfile
import wave
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from faster_whisper.audio import decode_audio

from speech_asr.app import create_app
from speech_asr.engines import Task
from speech_asr.engines.fake import FakeEngine
from speech_asr.segments import Recognized, Segment
from speech_asr.settings import AsrSettings
from speech_asr.vad import Samples
from speech_core.models.store import Store
from speech_core.testing.live import LiveServer, live_server

RATE_HZ = 16_000


@dataclass(frozen=True)
class GatedAttempt:
    """A window of so many seconds, and what is asked of it."""

    seconds: float
    task: Task
    key: str = "any"


class GatedEngine:
    """Names its windows by number; a window may be made to wait, or to fail."""

    languages = frozenset({"en", "ru"})

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.entered = Event()
        self.gates: dict[int, Event] = {}
        self.broken: set[int] = set()

    def hold(self, window: int) -> Event:
        self.gates[window] = Event()
        return self.gates[window]

    def prepare(self, samples: np.ndarray, task: Task, *, speech=None) -> GatedAttempt:
        return GatedAttempt(len(samples) / RATE_HZ, task)

    def decode(self, batch: Sequence[GatedAttempt]) -> list[Recognized]:
        return [self.recognize(attempt) for attempt in batch]

    def recognize(self, attempt: GatedAttempt) -> Recognized:
        number = len(self.tasks)
        self.tasks.append(attempt.task)
        self.entered.set()
        if number in self.gates:
            assert self.gates[number].wait(20)
        if number in self.broken:
            raise RuntimeError("the engine's own words")
        return Recognized("en", (Segment(0.0, attempt.seconds, f"window {number}"),))

    def close(self) -> None:
        for gate in self.gates.values():
            gate.set()


def tone(seconds: float) -> np.ndarray:
    return (8_000 * np.sin(np.arange(int(seconds * RATE_HZ)) / 10)).astype("<i2")


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), dtype="<i2")


def wav(*parts: np.ndarray) -> bytes:
    """Samples, or rows of a sample a channel."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(parts[0].shape[1] if parts[0].ndim > 1 else 1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.concatenate(parts).tobytes())
    return out.getvalue()


def spooled() -> list[str]:
    """Files without a name that this process still holds open in the test's folder."""
    held: list[str] = []
    for name in os.listdir("/proc/self/fd"):
        try:
            held.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return [path for path in held if path.startswith(tempfile.gettempdir())]


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
            # The fake's name, so that what is loud counts as speech; one window at a time, so that tests can count.
            one = {"engine": "fake", "workers": 1, "batch_size": 1, "windows_per_request": 1}
            app = create_app(AsrSettings(**{**one, **settings}), engine=engine)
            return cleanup.enter_context(live_server(app))

        yield start


@pytest.fixture
def live(serve: Callable[..., LiveServer]) -> LiveServer:
    return serve(FakeEngine())


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Uploads go where only this test's are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(scope="session")
def clip() -> bytes:
    """A few seconds of human speech in the public domain."""
    return (Path(__file__).parent / "data/ljspeech.flac").read_bytes()


@pytest.fixture(scope="session")
def clip_samples(clip: bytes) -> Samples:
    """The same as the engines get it."""
    return decode_audio(io.BytesIO(clip))


@pytest.fixture(scope="session")
def speech() -> bytes:
    """A second that counts as speech to the fake engine: two words."""
    return wav(tone(1))


@pytest.fixture(scope="session")
def weights() -> Path:
    """Those of the default model, where the services look for them."""
    settings = AsrSettings()
    return Store(settings.models_dir).fetch(settings.model)


@pytest.fixture(scope="module")
def whisper(weights: Path) -> Generator[LiveServer]:
    """The service with the real engine and the default weights."""
    with live_server(create_app(AsrSettings())) as live:
        yield live

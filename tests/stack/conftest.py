"""The three services as processes of their own, with real engines and with fakes."""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from speech_core.models.store import Store
from speech_core.testing.stack import Process, Stack, free_port, running_stack

CLIP = Path(__file__).parents[2] / "services/asr/tests/data/ljspeech.flac"


@pytest.fixture(scope="session")
def models() -> None:
    """The default weights, fetched as `make up` fetches them."""
    store = Store(Path("~/.cache/kubespeech/models").expanduser())
    for name in ("whisper-base", "en_US-joe-medium"):
        store.fetch(name)


@pytest.fixture(scope="session")
def prose() -> str:
    """
    Two minutes of speech.

    It does not repeat itself: what does is taken for a loop of the decoder, and tried six times.
    """
    return " ".join((Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8").split())[:2_000]


@pytest.fixture(scope="session")
def stack(models: None) -> Generator[Stack]:
    """The real engines."""
    with running_stack() as running:
        yield running


@contextmanager
def _starting_fakes() -> Generator[Callable[..., Stack]]:
    with ExitStack() as cleanup:
        yield lambda **settings: cleanup.enter_context(
            running_stack(**{"ASR_ENGINE": "fake", "TTS_ENGINE": "fake", **settings})
        )


@pytest.fixture
def start_fakes() -> Generator[Callable[..., Stack]]:
    """The fake engines, with settings of the test's own."""
    with _starting_fakes() as start:
        yield start


@pytest.fixture(scope="module")
def start_module_fakes() -> Generator[Callable[..., Stack]]:
    """The same, for all tests of a module."""
    with _starting_fakes() as start:
        yield start


@pytest.fixture
def start_asr() -> Generator[Callable[[str, int], Process]]:
    """A recognition of its own at an address and port, with the fake engine."""
    with ExitStack() as cleanup:

        def start(host: str, port: int) -> Process:
            management_port = free_port()
            process = Process("asr", port, management_port, {}, host=host)
            process.environment = {
                **os.environ, "HOST": host, "ASR_PORT": str(port), "ASR_MANAGEMENT_PORT": str(management_port),
                "ASR_ENGINE": "fake", "LOG_LEVEL": "warning",
            }  # fmt: skip
            process.start()
            cleanup.callback(process.end)
            process.wait_ready()
            return process

        yield start


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """A port for a test's own listener."""
    return free_port


@pytest.fixture
def start_stack(models: None) -> Generator[Callable[..., Stack]]:
    """The real engines, with settings of the test's own."""
    with ExitStack() as cleanup:
        yield lambda **settings: cleanup.enter_context(running_stack(**settings))


@pytest.fixture(scope="session")
def clip() -> bytes:
    """A few seconds of human speech in the public domain."""
    return CLIP.read_bytes()

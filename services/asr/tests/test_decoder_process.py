"""The decoder's process dies in the middle of a request: that one fails, the next works, and nothing stays behind."""

import io
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import av
import httpx
import numpy as np
import pytest

from speech_asr import pipeline
from speech_asr.engines.fake import FakeAttempt, FakeEngine
from speech_core.codec.isolation import decode_isolated
from speech_core.testing.waiting import wait_until

from .conftest import spooled

pytestmark = pytest.mark.usefixtures("own_folder")

EVENTS = {"accept": "text/event-stream"}


class PatientEngine(FakeEngine):
    """The fake one, which waits before the window with number *waits_at* until the test lets it go on."""

    def __init__(self, waits_at: int = 0) -> None:
        super().__init__()
        self.entered, self.released = Event(), Event()
        self._waits_at, self._prepared = waits_at, 0

    def prepare(self, samples, task, *, speech=None) -> FakeAttempt:
        if self._prepared == self._waits_at:
            self.entered.set()
            assert self.released.wait(20)
        self._prepared += 1
        return super().prepare(samples, task)


def long_recording() -> bytes:
    """Ten minutes of a loud tone that weigh little: more than pipes and queues hold."""
    out, rate_hz = io.BytesIO(), 16_000
    minute = (8_000 * np.sign(np.sin(np.arange(rate_hz * 60) / 10))).astype("<i2").reshape(1, -1)
    with av.open(out, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=rate_hz, layout="mono")
        for _ in range(10):
            frame = av.AudioFrame.from_ndarray(minute, "s16", "mono")
            frame.sample_rate = rate_hz
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def post(live, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.post(f"{live.url}/api/stt/bytes", content=content, headers=headers, timeout=30)


def decoders() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def nothing_is_left() -> bool:
    return not spooled() and not decoders()


def check_next(live, clip: bytes) -> None:
    """The next request is heard whole, and nothing of either is left."""
    answer = post(live, clip)
    assert answer.status_code == 200
    assert answer.json()["duration_seconds"] > 1
    wait_until(nothing_is_left)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU])
def test_a_decoder_that_dies_is_one_failed_request(serve, clip, number) -> None:
    engine = PatientEngine()
    live = serve(engine)
    with ThreadPoolExecutor(1) as caller:
        failing = caller.submit(post, live, long_recording())
        assert engine.entered.wait(20)
        (pid,) = decoders()
        assert len(spooled()) == 1
        os.kill(pid, number)
        engine.released.set()
        answer = failing.result()

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "bad_audio", "file")
    assert "crashed" in error["message"]
    wait_until(lambda: is_gone(pid))
    check_next(live, clip)


def test_a_decoder_that_dies_between_two_events_ends_them_with_an_error(serve, clip) -> None:
    engine = PatientEngine(waits_at=1)
    live = serve(engine)
    with httpx.stream(
        "POST", f"{live.url}/api/stt/bytes", content=long_recording(), headers=EVENTS, timeout=30
    ) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith("event: segment"))
        assert engine.entered.wait(20)
        (pid,) = decoders()
        os.kill(pid, signal.SIGKILL)
        engine.released.set()
        rest = list(lines)

    assert "event: error" in rest
    assert "event: done" not in rest
    check_next(live, clip)


def test_a_decoder_without_memory_is_one_failed_request(serve, clip, monkeypatch) -> None:
    live = serve(FakeEngine())
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "decode_isolated", partial(decode_isolated, memory_bytes=1))
        answer = post(live, long_recording())

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_audio")
    check_next(live, clip)

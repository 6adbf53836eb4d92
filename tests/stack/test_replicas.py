"""Two replicas of asr as processes of their own, of which one is killed, drained or frozen under load."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Timer
from typing import Any

import httpx
import pytest

from speech_core.testing.live import live_server
from speech_core.testing.stack import Process
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings

pytestmark = pytest.mark.timeout(180)

CALLERS, REQUESTS = 8, 240
FIRST, SECOND = "127.0.0.1", "127.0.0.2"


class Pair:
    """The replicas, and a gateway that finds both under one name."""

    def __init__(self, replicas: dict[str, Any], url: str, client: httpx.Client, clip: bytes) -> None:
        self.replicas = replicas
        self._url = f"{url}/v1/audio/transcriptions"
        self._client = client
        self._clip = clip

    def ask(self) -> httpx.Response:
        return self._client.post(self._url, files={"file": ("clip.flac", self._clip)})

    def ask_twice(self) -> httpx.Response:
        """As OpenAI's packages do: come back when told to."""
        answer = self.ask()
        if answer.status_code != 503:
            return answer
        time.sleep(int(answer.headers["retry-after-ms"]) / 1000)
        return self.ask()


@pytest.fixture
def pair(start_asr, clip, free_port) -> Generator[Pair]:
    port = free_port()

    async def resolve(host: str) -> list[str]:
        return [FIRST, SECOND] if host == "asr.test" else [host]

    with ExitStack() as running:
        replicas = {host: start_asr(host, port) for host in (FIRST, SECOND)}
        settings = GatewaySettings(asr_url=f"http://asr.test:{port}", resolve_seconds=1)
        gateway = running.enter_context(live_server(create_app(settings, resolve=resolve)))
        client = running.enter_context(httpx.Client(timeout=60))
        yield Pair(replicas, gateway.url, client, clip)


def under_load(ask: Callable[[], httpx.Response], event: Callable[[], object] = lambda: None) -> Counter[int]:
    """The answers of callers that go on while, after a third of it, *event* happens."""

    def one(number: int) -> int:
        if number == REQUESTS // 3:
            event()
        return ask().status_code

    with ThreadPoolExecutor(CALLERS) as callers:
        return Counter(callers.map(one, range(REQUESTS)))


def transcribed(replica: Process) -> float:
    return replica.counted("speech_requests_total", operation="transcriptions", outcome="ok")


def test_load_is_even(pair) -> None:
    assert under_load(pair.ask) == {200: REQUESTS}

    shares = [transcribed(replica) for replica in pair.replicas.values()]
    assert sum(shares) == REQUESTS
    assert max(shares) <= 1.2 * min(shares)


def test_a_replica_that_drains_loses_nothing(pair) -> None:
    replica = pair.replicas[SECOND]

    assert under_load(pair.ask, replica.popen.terminate) == {200: REQUESTS}

    assert replica.popen.wait(40) == 0


def test_a_replica_that_is_killed_loses_nothing_of_callers_who_come_back(pair) -> None:
    """What it had taken in is a 503 that says when to come back; all else goes to the other one."""
    assert under_load(pair.ask_twice, pair.replicas[SECOND].kill) == {200: REQUESTS}


def test_a_replica_that_freezes_for_a_while_loses_nothing(pair) -> None:
    frozen = pair.replicas[SECOND].popen.pid
    thaw = Timer(8, os.kill, (frozen, signal.SIGCONT))

    def freeze() -> None:
        os.kill(frozen, signal.SIGSTOP)
        thaw.start()

    assert under_load(pair.ask, freeze) == {200: REQUESTS}

    thaw.join()
    assert transcribed(pair.replicas[FIRST]) > REQUESTS / 2

"""Two replicas of asr behind one name: what happens when one is full, or away, or is added."""

import socket
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import pytest

from speech_core.testing.live import LiveServer, live_server
from speech_core.testing.waiting import wait_until
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings

FULL = (503, {"error": {"message": "full", "type": "overloaded_error", "param": None, "code": "queue_full"}})


@dataclass
class Replicas:
    """The stand-ins, the gateway before them, and the addresses that the name has at the moment."""

    first: object
    second: object
    gateway: LiveServer
    hosts: list[str]
    port: int
    stop_second: Callable[[], None] = field(repr=False)

    def post(self, content=b"audio", **more) -> httpx.Response:
        return httpx.post(f"{self.gateway.url}/api/stt/bytes", content=content, timeout=20, **more)

    @property
    def asked(self) -> tuple[int, int]:
        return len(self.first.requests), len(self.second.requests)


@pytest.fixture
def replicas(make_asr) -> Generator[Replicas]:
    first, second = make_asr(), make_asr()
    with ExitStack() as servers, ExitStack() as second_server:
        port = servers.enter_context(live_server(first.app)).port
        second_server.enter_context(live_server(second.app, host="127.0.0.2", port=port))
        hosts = ["127.0.0.1", "127.0.0.2"]

        async def resolve(host: str) -> list[str]:
            return hosts if host == "asr.test" else [host]

        settings = GatewaySettings(asr_url=f"http://asr.test:{port}", resolve_seconds=0.05)
        gateway = servers.enter_context(live_server(create_app(settings, resolve=resolve)))
        yield Replicas(first, second, gateway, hosts, port, second_server.close)
        for one in (first, second):
            one.gate.set()


def test_load_is_shared(replicas) -> None:
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: replicas.post().status_code, range(60)))

    assert answers == [200] * 60
    assert min(replicas.asked) >= 20


def test_the_host_is_the_name_and_not_the_address(replicas) -> None:
    replicas.post()

    (request,) = replicas.first.requests + replicas.second.requests
    assert request["headers"]["host"].startswith("asr.test:")


@pytest.mark.parametrize("parts", [1, 30])
@pytest.mark.parametrize("length_is_known", [True, False])
def test_a_full_replica_costs_nobody_an_answer(replicas, parts, length_is_known) -> None:
    replicas.first.refusal = FULL
    body = [b"a" * 100_000] * parts

    answers = [replicas.post(b"".join(body) if length_is_known else iter(body)) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert {answer.json()["bytes"] for answer in answers} == {100_000 * parts}


def test_when_all_are_full_the_caller_is_told_when_to_come_back(replicas) -> None:
    replicas.first.refusal = replicas.second.refusal = FULL

    answer = replicas.post()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")
    assert answer.headers["retry-after-ms"] == "1500"
    assert replicas.asked == (1, 1)


def test_a_replica_that_has_gone_costs_nobody_an_answer(replicas) -> None:
    replicas.stop_second()

    assert [replicas.post().status_code for _ in range(10)] == [200] * 10
    assert replicas.asked[0] == 10


def test_a_frozen_replica_costs_nobody_an_answer(replicas) -> None:
    replicas.stop_second()
    with socket.create_server(("127.0.0.2", replicas.port)), ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: replicas.post().status_code, range(12)))

    assert answers == [200] * 12
    assert replicas.asked[0] == 12


def test_a_replica_that_answers_with_faults_is_left_out(replicas) -> None:
    replicas.first.refusal = (500, {"error": {"message": "broken", "type": "server_error"}})

    answers = [replicas.post().status_code for _ in range(40)]

    assert answers.count(500) <= 5
    assert replicas.asked[1] >= 35


def test_lists_come_from_a_replica_that_stays(replicas) -> None:
    replicas.first.refusal = FULL

    answers = [httpx.get(f"{replicas.gateway.url}/v1/audio/models", timeout=20) for _ in range(10)]

    assert {answer.json().get("error", {}).get("message", "").startswith("asr") for answer in answers} == {False}


def test_a_body_that_has_begun_is_sent_to_nobody_else(replicas) -> None:
    for one in (replicas.first, replicas.second):
        one.script[1:] = ["BREAK"]

    with pytest.raises(httpx.RemoteProtocolError):
        replicas.post(headers={"accept": "text/event-stream"})

    assert sum(replicas.asked) == 1


def test_a_replica_that_is_added_takes_load_at_once(replicas) -> None:
    replicas.hosts.remove("127.0.0.2")
    wait_until(lambda: _asked_by(replicas, 4)[1] == 0)

    replicas.hosts.append("127.0.0.2")

    wait_until(lambda: _asked_by(replicas, 4)[1] > 0)


def _asked_by(replicas: Replicas, times: int) -> tuple[int, int]:
    """How many of some requests each has got."""
    before = replicas.asked
    for _ in range(times):
        replicas.post()
    after = replicas.asked
    return after[0] - before[0], after[1] - before[1]


def test_retries_and_answers_are_counted(replicas) -> None:
    replicas.first.refusal = FULL
    for _ in range(20):
        replicas.post()

    registry = replicas.gateway.server.config.app.state.shell.metrics.registry
    sample = registry.get_sample_value
    refused = sample("speech_upstream_seconds_count", {"upstream": "asr", "outcome": "refused"})
    assert sample("speech_upstream_retries_total", {"upstream": "asr"}) == refused > 0
    assert sample("speech_upstream_seconds_count", {"upstream": "asr", "outcome": "answered"}) == 20

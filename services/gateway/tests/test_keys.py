"""Keys and limits, by the gateway in front of the stand-ins."""

import contextlib
import json
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from speech_core.testing.live import live_server
from speech_core.testing.waiting import wait_until
from speech_gateway.app import create_app
from speech_gateway.keys import digest_of
from speech_gateway.settings import GatewaySettings

from .conftest import DONE, segment

SECRET = "the server's own"
KEY = "ks-of-anna"


def entry(name: str = "anna", key: str = KEY, **limits: object) -> dict[str, object]:
    return {"name": name, "hmac": digest_of(key, SECRET), **limits}


def write(path: Path, *entries: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump({"keys": list(entries)}), encoding="utf-8")


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "keys.yaml"


@pytest.fixture
def guarded(net, file) -> Generator[Callable[..., str]]:
    """A gateway that wants a key; gives its address."""
    with ExitStack() as servers:

        def start(*entries: dict[str, object], **settings: object) -> str:
            write(file, *(entries or (entry(),)))
            chosen = {"keys_file": file, "key_secret": SECRET, "keys_seconds": 0.02, **settings}
            app = create_app(GatewaySettings(asr_url=net.asr_live.url, tts_url=net.tts_live.url, **chosen))
            return servers.enter_context(live_server(app)).url

        yield start


def post(url: str, path: str = "/api/stt/bytes", key: str | None = KEY, content=b"audio", **headers) -> httpx.Response:
    sent = {"authorization": f"Bearer {key}", **headers} if key is not None else headers
    return httpx.post(f"{url}{path}", content=content, headers=sent, timeout=20)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Basic YTpi"}, "missing_api_key"),
        ({"authorization": "Bearer"}, "missing_api_key"),
        ({"authorization": "Bearer wrong"}, "invalid_api_key"),
        ({"authorization": "Bearer ключ".encode()}, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", ["/api/stt/bytes", "/api/tts", "/api/echo-bytes", "/v1/audio/speech", "/nowhere"])
def test_without_a_key_nothing_passes(guarded, net, headers, code, path) -> None:
    answer = httpx.post(f"{guarded()}{path}", content=b"audio", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert net.asr.requests == net.tts.requests == []


def test_a_large_body_is_not_read_before_the_refusal(guarded) -> None:
    sent = []

    def parts():
        for _ in range(200):
            sent.append(1)
            yield b"a" * (1 << 20)

    # The connection may be closed over what is left of it.
    with contextlib.suppress(httpx.TransportError):
        post(guarded(), key=None, content=parts())

    assert len(sent) < 100


def test_with_its_key_a_request_passes_as_it_is_but_for_the_key(guarded, net) -> None:
    assert post(guarded()).json() == {"bytes": 5}
    assert "authorization" not in net.asr.requests[0]["headers"]


def test_what_costs_nothing_is_open(guarded) -> None:
    url = guarded()

    assert httpx.get(f"{url}/health").status_code in (200, 503)
    assert httpx.get(f"{url}/openapi.json").status_code == 200
    assert httpx.get(f"{url}/v1/models").status_code == 401


def test_the_lists_can_be_opened(guarded) -> None:
    url = guarded(open_lists=True)

    assert [httpx.get(f"{url}/v1/models{name}").status_code for name in ("", "/tts-1")] == [200, 200]


def test_a_socket_takes_its_key_as_a_header_or_as_a_subprotocol(guarded) -> None:
    url = guarded().replace("http", "ws") + "/ws/tts"
    with connect(url, additional_headers={"authorization": f"Bearer {KEY}"}) as socket:
        socket.send("hello")
        assert socket.recv(timeout=10) == "hello"
    with connect(url, subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        assert socket.subprotocol == "speech.v1"
    for protocols in (["speech.v1"], ["speech.v1", "bearer.wrong"]):
        with pytest.raises(InvalidStatus) as refused, connect(url, subprotocols=protocols):
            pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["type"] == "authentication_error"


def test_a_key_has_so_many_requests_a_minute_and_others_are_not_touched(guarded) -> None:
    url = guarded(entry(requests_per_minute=2), entry("boris", "ks-of-boris"))

    answers = [post(url) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "too_many_requests"
    assert 20 < int(answers[2].headers["retry-after"]) <= 30
    assert post(url, key="ks-of-boris").status_code == 200


def test_a_key_has_so_many_streams(guarded, net) -> None:
    url = guarded(entry(streams=1))
    net.asr.script.insert(0, "GATE")
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(post, url, accept="text/event-stream")
        wait_until(lambda: net.asr.requests)
        second = post(url)
        net.asr.gate.set()
        assert first.result().status_code == 200

    assert (second.status_code, second.json()["error"]["code"]) == (429, "too_many_streams")
    assert post(url).status_code == 200


def test_a_key_has_so_many_seconds_of_audio_a_day(guarded) -> None:
    url = guarded(entry(audio_seconds_per_day=3))

    # The stand-in says that it has heard 1.5 s.
    assert [post(url).status_code for _ in range(4)] == [200, 200, 429, 429]


def test_a_key_has_so_many_characters_a_day(guarded) -> None:
    url = guarded(entry(characters_per_day=10))
    plain = {"content-type": "text/plain"}

    assert post(url, "/api/tts", content="слово слово".encode(), **plain).status_code == 200
    assert post(url, "/api/tts", content=b"a", **plain).json()["error"]["code"] == "too_many_requests"


def test_what_is_spoken_over_a_socket_counts(guarded) -> None:
    url = guarded(entry(characters_per_day=5))
    with connect(url.replace("http", "ws") + "/ws/tts", subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        socket.send('{"text": "seven letters"}')
        socket.recv(timeout=10)

    assert post(url).status_code == 429


def test_an_allowance_that_ends_ends_on_an_open_socket_too(guarded) -> None:
    url = guarded(entry(characters_per_day=5))
    with connect(url.replace("http", "ws") + "/ws/tts", subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        socket.send('{"text": "seven letters"}')
        assert json.loads(socket.recv(timeout=10))["text"] == "seven letters"
        socket.send('{"text": "and more"}')
        refused = json.loads(socket.recv(timeout=10))

    assert (refused["type"], refused["error"]["code"]) == ("error", "too_many_requests")


def test_a_key_that_is_taken_back_opens_no_more_utterances(guarded, file) -> None:
    url = guarded(entry(), entry("boris", "ks-of-boris"))
    socket_url = url.replace("http", "ws") + "/ws/tts"
    with connect(socket_url, subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        socket.send('{"text": "one"}')
        assert json.loads(socket.recv(timeout=10)) == {"text": "one"}
        write(file, entry("boris", "ks-of-boris"))
        wait_until(lambda: post(url).status_code == 401)
        socket.send('{"text": "two"}')
        told = json.loads(socket.recv(timeout=10))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (told["type"], told["error"]["code"]) == ("error", "invalid_api_key")
    assert closed.value.rcvd.code == 1008


def test_a_key_of_the_same_name_takes_the_place_of_the_one_before(guarded, file) -> None:
    url = guarded(entry(characters_per_day=5))
    with connect(url.replace("http", "ws") + "/ws/tts", subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        write(file, entry(key="another", characters_per_day=5))
        wait_until(lambda: post(url, key="another").status_code == 200)
        socket.send('{"text": "two"}')

        assert json.loads(socket.recv(timeout=10))["error"]["code"] == "invalid_api_key"


def test_what_was_used_stays_used_when_the_limits_change(guarded, file) -> None:
    url = guarded(entry(requests_per_minute=4))
    assert [post(url).status_code for _ in range(3)] == [200] * 3
    write(file, entry(requests_per_minute=3), entry("boris", "ks-of-boris"))
    wait_until(lambda: post(url, key="ks-of-boris").status_code == 200)

    assert post(url).status_code == 429


def test_an_open_socket_is_told_of_other_limits(guarded, file) -> None:
    url = guarded(entry(characters_per_day=5))
    with connect(url.replace("http", "ws") + "/ws/tts", subprotocols=["speech.v1", f"bearer.{KEY}"]) as socket:
        socket.send('{"text": "seven letters"}')
        socket.recv(timeout=10)
        write(file, entry(characters_per_day=50), entry("boris", "ks-of-boris"))
        wait_until(lambda: post(url, key="ks-of-boris").status_code == 200)
        socket.send('{"text": "and more"}')

        assert json.loads(socket.recv(timeout=10)) == {"text": "and more"}


def test_the_file_is_read_again_when_it_changes(guarded, file) -> None:
    url = guarded()
    write(file, entry("boris", "ks-of-boris"))

    wait_until(lambda: post(url, key="ks-of-boris").status_code == 200)
    assert post(url).status_code == 401


def test_a_file_that_breaks_changes_nothing(guarded, file, capsys) -> None:
    url = guarded()
    file.write_text("[" * 20_000, encoding="utf-8")

    wait_until(lambda: "keys_not_read" in capsys.readouterr().out)
    assert post(url).status_code == 200


@pytest.mark.parametrize("path", ["/api/stt/bytes", "/api/echo-bytes"])
def test_audio_whose_length_was_not_known_at_first_counts_when_it_ends(net, guarded, path) -> None:
    net.asr.script = [segment("one.", final=True), DONE.replace("{}", '{"text": "", "coverage": {"audio_seconds": 7}}')]
    url = guarded(entry(audio_seconds_per_day=5))

    assert post(url, path, accept="text/event-stream").status_code == 200
    wait_until(lambda: post(url, path, accept="text/event-stream").status_code == 429)


def test_usage_is_counted_by_the_name_of_the_key(net, file) -> None:
    write(file, entry())
    settings = {"keys_file": file, "key_secret": SECRET}
    app = create_app(GatewaySettings(asr_url=net.asr_live.url, tts_url=net.tts_live.url, **settings))
    with live_server(app) as live:
        post(live.url)
        post(live.url, key=None)
        for sent in ({}, {"authorization": f"Bearer {KEY}"}):  # none of these is a request for speech
            for path in ("/v1/models", "/api/stt/bytes", "/ws/tts"):
                httpx.get(f"{live.url}{path}", headers=sent)

    sample = app.state.shell.metrics.registry.get_sample_value
    assert sample("speech_key_requests_total", {"key": "anna"}) == 4
    assert sample("speech_key_audio_seconds_total", {"key": "anna"}) == 1.5
    assert sample("speech_refused_total", {"service": "gateway", "reason": "missing_api_key"}) == 4
    outcomes = {"service": "gateway", "operation": "stt"}
    assert sample("speech_requests_total", {**outcomes, "outcome": "client_error"}) == 1
    assert sample("speech_requests_total", {**outcomes, "outcome": "ok"}) == 1
    sockets = {"service": "gateway", "operation": "tts_socket", "outcome": "client_error"}
    assert sample("speech_requests_total", sockets) == 0

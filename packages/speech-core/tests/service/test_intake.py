import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from speech_core.service import intake
from speech_core.testing.live import live_server
from speech_core.testing.waiting import wait_until


def number(toy, name: str, **labels: str) -> float:
    return toy.shell.metrics.registry.get_sample_value(name, {"service": "toy", **labels}) or 0.0


def wait_until_free(toy) -> None:
    """The seat is freed a moment after the caller has left, or has the last byte."""
    wait_until(lambda: toy.shell.seats.taken == 0)


@pytest.mark.parametrize(
    ("path", "sent", "status", "code", "param"),
    [
        ("/say", {"json": {"text": "  "}}, 400, "empty_text", "text"),
        ("/say", {"json": {}}, 400, "missing_field", "text"),
        ("/say", {"json": {"text": "a", "bogus": 1}}, 400, "unknown_field", "bogus"),
        ("/say", {"json": {"text": "a", "speed": 9}}, 400, "invalid_request", "speed"),
        (
            "/say",
            {"content": b"{", "headers": {"content-type": "application/json"}},
            400,
            "invalid_json",
            None,
        ),
        ("/say", {"content": b"x" * 1001}, 413, "text_too_long", "text"),
        ("/count", {"content": iter([b"x" * 600_000] * 2)}, 413, "audio_too_large", "file"),
        ("/fail?kind=foreseen", {}, 400, "bad_audio", "file"),
        ("/fail?kind=other", {}, 500, "internal_error", None),
        ("/nowhere", {}, 404, "not_found", None),
        ("/health", {}, 405, "method_not_allowed", None),
    ],
)
def test_what_goes_wrong_is_answered_in_the_envelope(live, path, sent, status, code, param) -> None:
    answer = httpx.post(f"{live.url}{path}", timeout=30, **sent)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert answer.headers["x-request-id"]


def test_a_head_is_what_get_would_answer_without_the_body(live) -> None:
    asked, got = (httpx.request(method, f"{live.url}/health") for method in ("HEAD", "GET"))

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]


def test_a_request_id_is_echoed_and_a_harmful_one_replaced(live) -> None:
    kept = httpx.get(f"{live.url}/health", headers={"x-request-id": "abc-1"})
    replaced = httpx.get(f"{live.url}/health", headers={"x-request-id": "a b{}"})

    assert kept.headers["x-request-id"] == "abc-1"
    assert replaced.headers["x-request-id"] != "a b{}"


def test_a_body_that_stops_coming_times_out(live) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")

        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "body_timeout"' in answer


def opened(live, fields: bytes, body: bytes) -> socket.socket:
    """A caller of whose body more is announced than comes."""
    client = socket.create_connection(("127.0.0.1", live.port), timeout=10)
    client.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n" + fields + b"\r\n" + body)
    return client


def test_who_hardly_sends_gives_way_when_the_house_is_full(make, monkeypatch) -> None:
    monkeypatch.setattr(intake, "_PATIENCE_SECONDS", 0.1)
    toy = make(seats=1)
    with live_server(toy.app) as live, opened(live, b"", b"abc") as slow:
        assert toy.entered.wait(10)

        wait_until(lambda: httpx.post(f"{live.url}/count", content=b"hello").json() == {"bytes": 5})

        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("fields", "body"), [(b"Content-Type: text/plain\r\n", b"abc"), (b"", b"a" * 800_000)], ids=["writes", "is fast"]
)
def test_who_writes_or_sends_well_keeps_the_seat(make, monkeypatch, fields, body) -> None:
    monkeypatch.setattr(intake, "_PATIENCE_SECONDS", 0.0)
    toy = make(seats=1)
    with live_server(toy.app) as live, opened(live, fields, body) as caller:
        assert toy.entered.wait(10)

        assert [httpx.post(f"{live.url}/count", content=b"hello").status_code for _ in range(3)] == [503] * 3

        caller.sendall(b"a" * (900_000 - len(body)))
        assert b'{"bytes":900000}' in caller.recv(4096)


def test_a_full_house_is_refused_before_the_body_and_the_connection_lives_on(live, toy) -> None:
    with ThreadPoolExecutor(2) as callers, httpx.Client(base_url=live.url) as client:
        waiting = []
        for _ in range(2):
            toy.entered.clear()
            waiting.append(callers.submit(httpx.post, f"{live.url}/wait"))
            assert toy.entered.wait(10)
        refused = client.post("/count", content=b"x" * 500_000)
        toy.gate.set()
        assert [future.result().status_code for future in waiting] == [200, 200]
        wait_until_free(toy)
        accepted = client.post("/count", content=b"x")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("1", "1000")
    assert "connection" not in refused.headers
    assert accepted.json() == {"bytes": 1}
    assert number(toy, "speech_refused_total", reason="queue_full") == 1


def test_the_handler_of_a_caller_who_leaves_is_cancelled(live, toy) -> None:
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.sendall(b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert toy.entered.wait(10)

    assert toy.left.wait(10)
    wait_until_free(toy)
    wait_until(lambda: number(toy, "speech_requests_total", operation="wait", outcome="cancelled") == 1)


def test_a_caller_who_leaves_in_the_middle_of_the_body_frees_the_seat(live, toy) -> None:
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert toy.entered.wait(10)

    wait_until_free(toy)


def test_a_failure_after_the_first_byte_cuts_the_answer(live, toy) -> None:
    with pytest.raises(httpx.RemoteProtocolError), httpx.stream("POST", f"{live.url}/stream") as answer:
        list(answer.iter_raw())

    assert answer.status_code == 200
    wait_until(lambda: number(toy, "speech_requests_total", operation="stream", outcome="failed") == 1)


def test_expect_100_continue_is_refused_without_asking_for_the_body(live, toy) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_counting_is_exact(live, toy) -> None:
    def send() -> Iterator[int]:
        for path, body in [("/say", {"text": "a"}), ("/say", {"text": "b"}), ("/say", {"text": ""})]:
            yield httpx.post(f"{live.url}{path}", json=body).status_code

    assert list(send()) == [200, 200, 400]
    wait_until_free(toy)
    assert number(toy, "speech_requests_total", operation="say", outcome="ok") == 2
    assert number(toy, "speech_requests_total", operation="say", outcome="client_error") == 1
    wait_until(lambda: number(toy, "speech_in_flight", operation="say") == 0)


def test_a_drain_finishes_what_is_in_progress_and_refuses_what_is_new(live, toy) -> None:
    with ThreadPoolExecutor(1) as caller, connect(f"{live.ws_url}/socket") as listener:
        waiting = caller.submit(httpx.post, f"{live.url}/wait")
        assert toy.entered.wait(10)

        live.drain()
        with pytest.raises(ConnectionClosedOK, match="1001"):
            listener.recv(timeout=10)
        refused = httpx.post(f"{live.url}/say", json={"text": "a"})
        with pytest.raises(InvalidStatus) as socket_refused:
            connect(f"{live.ws_url}/socket")
        unhealthy = httpx.get(f"{live.url}/health")
        toy.gate.set()

        assert waiting.result().json() == {"done": True}
    assert live.stopped.wait(10)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
    assert refused.headers["retry-after"] == "2"
    assert socket_refused.value.response.status_code == 503
    assert (unhealthy.status_code, unhealthy.json()["status"]) == (503, "draining")


def test_what_outlasts_the_grace_fails_with_draining(make) -> None:
    from speech_core.testing.live import live_server

    toy = make(grace_seconds=0.1)
    with live_server(toy.app) as live, ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(httpx.post, f"{live.url}/wait")
        assert toy.entered.wait(10)
        live.drain()
        answer = waiting.result(timeout=10)
        toy.gate.set()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")


@pytest.mark.parametrize("length", [1_000, 900_000])
def test_an_answer_before_the_end_of_the_body_reaches_a_client_that_writes_first(live, length) -> None:
    head = f"POST /fail?kind=foreseen HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(head.encode())
        for _ in range(0, length, 100):
            client.sendall(b"x" * 100)
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 4")


def test_a_socket_that_does_not_exist_is_refused_in_the_envelope(live) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{live.ws_url}/nowhere")

    assert refused.value.response.status_code == 404
    assert b"not_found" in refused.value.response.body
    assert refused.value.response.headers["x-request-id"]

import socket

import httpx
import pytest
from structlog.testing import capture_logs

from speech_core.service import http_protocol
from speech_core.testing.waiting import wait_until


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            client.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            return b""
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 12_000 + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000,
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /socket HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
    ids=["one header", "many headers", "no end", "long path", "an upgrade"],
)
def test_a_flood_of_headers_gets_a_bare_431(live, request_bytes) -> None:
    answer = raw(live.port, request_bytes)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert httpx.get(f"{live.url}/health").status_code == 200


def test_what_is_no_http_gets_a_bare_400(live) -> None:
    assert raw(live.port, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_head_below_the_limit_passes_with_a_large_body_behind_it(live) -> None:
    head = b"POST /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: " + b"x" * 60_000
    body = b"y" * 200_000

    answer = raw(live.port, head + b"\r\nContent-Length: 200000\r\n\r\n" + body)

    assert answer.endswith(b'{"bytes":200000}')


def test_each_request_of_a_connection_has_a_head_of_its_own(live) -> None:
    with httpx.Client(base_url=live.url) as client:
        answers = [client.get("/health", headers={"a": "x" * 40_000}).status_code for _ in range(4)]

    assert answers == [200] * 4


@pytest.mark.parametrize("upgrade", [b"h2c", b"H2C, foo", b"TLS/1.0"])
def test_an_upgrade_that_is_not_known_is_ignored(live, upgrade) -> None:
    head = b"POST /count HTTP/1.1\r\nHost: x\r\nUpgrade: " + upgrade + b"\r\nConnection: Upgrade, close\r\n"

    answer = raw(live.port, head + b"Content-Length: 5\r\n\r\nhello")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"bytes":5}')


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /health HTTP/1.1\r\nX-Request-Id: mine\r\nA: " + b"x" * 70_000, 431, "head_too_large"),
        (b"GET /health HTTP/1.1\r\nX-Request-Id: mine\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET /health HTTP/1.1\r\nX-Request-Id: mine\r\nA: b\r\nno header\r\n\r\n", 400, "malformed_http"),
        (b"GET http://[::1 HTTP/1.1\r\nX-Request-Id: mine\r\n\r\n", 400, "malformed_http"),
        (b"GET /health HTTP/1.1\r\nX-Request-Id: mine\r\nA: b\r\nB: ", None, "head_timeout"),
    ],
    ids=["no end", "too large", "malformed", "malformed address", "too slow"],
)
def test_what_never_becomes_a_request_is_a_line_of_the_log(live, monkeypatch, request_bytes, status, code) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    with capture_logs() as lines:
        answer = raw(live.port, request_bytes)
        wait_until(lambda: any(line["event"] == "request" for line in lines))

    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["request_id"], line["status"], line["code"]) == ("mine", status, code)
    assert (b"\r\nx-request-id: mine\r\n" in answer) == (status is not None)


def test_who_leaves_in_the_middle_of_a_head_is_a_line_of_the_log(live) -> None:
    with capture_logs() as lines:
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nX-Request-Id: mine\r\nA: b\r\nB: ")
        wait_until(lambda: lines)

    (line,) = lines
    assert (line["request_id"], line["outcome"]) == ("mine", "cancelled")


def test_what_follows_a_request_has_an_id_of_its_own(live) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client, capture_logs() as lines:
        client.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n")
        first = client.recv(65_536)
        client.sendall(b"\0\0\r\n\r\n")
        second = client.recv(65_536)

    (line,) = (line for line in lines if line.get("code") == "malformed_http")
    assert b"x-request-id: mine" in first
    assert f"x-request-id: {line['request_id']}".encode() in second
    assert line["request_id"] != "mine"


def test_what_follows_a_request_in_progress_is_not_answered_in_its_place(live) -> None:
    assert raw(live.port, b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n\0\0\r\n\r\n") == b""


def test_a_connection_on_which_nothing_is_said_is_closed_without_a_word(live, monkeypatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    with capture_logs() as lines:
        assert raw(live.port, b"") == b""

    assert lines == []


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
def test_the_rest_of_a_body_that_was_answered_has_its_time(live, monkeypatch, path) -> None:
    monkeypatch.setattr(http_protocol, "DISCARD_SECONDS", 0.3)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode()

    assert raw(live.port, head).startswith(b"HTTP/1.1 40")  # and it ends


def test_the_rest_of_a_body_that_was_answered_has_its_bytes(live, monkeypatch) -> None:
    monkeypatch.setattr(http_protocol, "DISCARD_BYTES", 1_000)
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\nabc")
        assert client.recv(65_536)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(bytes(10_000_000))


def test_a_body_that_ends_in_time_keeps_its_connection(live) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        assert client.recv(65_536).startswith(b"HTTP/1.1 404 ")
        client.sendall(b"cdGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_who_leaves_with_a_request_behind_the_one_in_progress_is_seen_to_leave(live, toy) -> None:
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(
            b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert toy.entered.wait(10)

    assert toy.left.wait(10)

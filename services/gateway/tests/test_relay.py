import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from speech_core.testing.live import live_server
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings


def post(net, body: bytes | Iterator[bytes] = b"audio", path: str = "/api/stt/bytes", **more) -> httpx.Response:
    return httpx.post(f"{net.url}{path}", content=body, timeout=20, **more)


def test_body_query_and_headers_arrive_as_they_were_sent(net) -> None:
    answer = post(net, b"audio", "/api/stt/bytes?lang=en&x=%2F", headers={"x-mine": "1", "traceparent": "00-a-b-01"})

    (request,) = net.asr.requests
    assert (net.asr.bodies, request["query"]) == ([b"audio"], "lang=en&x=%2F")
    assert request["headers"]["x-mine"] == "1"
    assert request["headers"]["traceparent"] == "00-a-b-01"
    assert request["headers"]["content-length"] == "5"
    assert answer.json() == {"bytes": 5}
    assert answer.headers["x-audio-seconds"] == "1.5"


def test_the_request_id_is_one_for_both_and_the_connection_is_not_passed_on(net) -> None:
    answer = post(net, headers={"x-request-id": "abc", "connection": "x-hop", "x-hop": "1", "te": "trailers"})

    headers = net.asr.requests[0]["headers"]
    assert headers["x-request-id"] == answer.headers["x-request-id"] == "abc"
    assert "x-hop" not in headers
    assert "te" not in headers
    assert len(answer.headers.get_list("date")) == 1
    assert len(answer.headers.get_list("x-request-id")) == 1


def test_a_body_of_unknown_length_is_streamed(net) -> None:
    answer = post(net, iter([b"a" * 100_000] * 10))

    assert answer.json() == {"bytes": 1_000_000}
    assert "content-length" not in net.asr.requests[0]["headers"]


def test_events_pass_one_by_one(net) -> None:
    net.asr.script.insert(1, "GATE")
    headers = {"accept": "text/event-stream"}

    with httpx.stream("POST", f"{net.url}/api/stt/bytes", content=b"a", headers=headers, timeout=20) as answer:
        parts = answer.iter_raw()
        first = next(parts)
        net.asr.gate.set()
        rest = b"".join(parts)

    assert first.startswith(b"event: segment")
    assert rest.startswith(b"event: done")
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_caller_of_the_old_http_gets_the_sound_without_chunks(net) -> None:
    with socket.create_connection(("127.0.0.1", net.gateway.port), timeout=20) as caller:
        caller.sendall(b"POST /api/tts HTTP/1.0\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\none\ntwo")
        head, _, body = b"".join(iter(lambda: caller.recv(65_536), b"")).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert body == b"HEAD<one><two>"


def test_a_caller_who_leaves_is_seen_by_the_service(net) -> None:
    net.asr.script.insert(1, "GATE")
    headers = {"accept": "text/event-stream"}
    with httpx.stream("POST", f"{net.url}/api/stt/bytes", content=b"a", headers=headers, timeout=20) as answer:
        next(answer.iter_raw())

    assert net.asr.left.wait(10)


def test_an_error_of_the_service_is_passed_on_as_it_is(net) -> None:
    body = {"error": {"message": "no", "type": "overloaded_error", "param": None, "code": "queue_full"}}
    net.asr.refusal = (503, body)

    answer = post(net)

    assert (answer.status_code, answer.json(), answer.headers["retry-after-ms"]) == (503, body, "1500")


def test_an_early_answer_reaches_a_caller_who_is_still_sending(net) -> None:
    net.asr.refusal = (503, {"error": {"message": "full", "type": "overloaded_error", "code": "queue_full"}})

    answer = post(net, iter([b"a" * 100_000] * 20))

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")


def test_an_answer_that_breaks_off_is_cut_here_too(net) -> None:
    net.asr.script[1:] = ["BREAK"]
    headers = {"accept": "text/event-stream"}

    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", f"{net.url}/api/stt/bytes", content=b"a", headers=headers, timeout=20) as answer,
    ):
        list(answer.iter_raw())

    assert answer.status_code == 200


def test_a_large_upload_is_not_held(net) -> None:
    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    before_bytes = resident_bytes()
    sizes: list[int] = []

    def parts() -> Iterator[bytes]:
        for _ in range(256):
            yield b"a" * (1 << 20)
            sizes.append(resident_bytes() - before_bytes)

    answer = post(net, parts())

    assert answer.json() == {"bytes": 256 << 20}
    assert max(sizes) < 64 << 20


@contextmanager
def broken_service(answer: bytes) -> Iterator[str]:
    """Takes one connection after the other, sends *answer* and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"this is no HTTP\r\n\r\n"])
@pytest.mark.parametrize("path", ["/api/tts", "/api/stt/bytes", "/api/echo-bytes"])
def test_a_service_that_does_not_answer_is_unreachable(answer, path) -> None:
    with broken_service(answer) as url, live_server(create_app(GatewaySettings(asr_url=url, tts_url=url))) as live:
        told = httpx.post(f"{live.url}{path}", content=b"a", timeout=20)
        healthy = httpx.get(f"{live.url}/health")

    assert (told.status_code, told.json()["error"]["code"]) == (503, "upstream_unreachable")
    assert told.headers["retry-after"] == "2"
    assert (healthy.status_code, healthy.json()["status"]) == (503, "degraded")


@pytest.mark.parametrize("path", ["/api/tts", "/api/stt/bytes", "/api/echo-bytes"])
def test_a_service_that_goes_after_the_head_of_its_answer_has_given_none(path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 136\r\n\r\n"
    with broken_service(head) as url, live_server(create_app(GatewaySettings(asr_url=url, tts_url=url))) as live:
        told = httpx.post(f"{live.url}{path}", content=b"a", timeout=20)

    assert (told.status_code, told.json()["error"]["code"]) == (503, "upstream_unreachable")
    assert "retry-after" in told.headers


def test_an_empty_answer_is_passed_on() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with broken_service(head) as url, live_server(create_app(GatewaySettings(asr_url=url, tts_url=url))) as live:
        told = httpx.post(f"{live.url}/api/tts", content=b"a", timeout=20)

    assert (told.status_code, told.content) == (200, b"")


def test_a_service_that_comes_back_is_noticed_at_once(net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = GatewaySettings(asr_url=f"http://127.0.0.1:{port}", tts_url=net.tts_live.url)
    with live_server(create_app(settings)) as live:
        gone = httpx.post(f"{live.url}/api/stt/bytes", content=b"a")
        with forwarded(port, net.asr_live.port):
            back = httpx.post(f"{live.url}/api/stt/bytes", content=b"a")

    assert (gone.status_code, back.status_code) == (503, 200)


def pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes one way, until either end has gone."""
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        return


@contextmanager
def forwarded(port: int, target: int) -> Iterator[None]:
    """One connection from *port* to *target*."""
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            here, _ = server.accept()
            with here, socket.create_connection(("127.0.0.1", target)) as there:
                back = threading.Thread(target=pump, args=(there, here), daemon=True)
                back.start()
                pump(here, there)
                there.shutdown(socket.SHUT_RDWR)
                back.join(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(10)


def test_health_shows_what_is_behind(net) -> None:
    answer = httpx.get(f"{net.url}/health")

    # The stand-ins have no health of their own.
    assert (answer.status_code, answer.json()["upstreams"]["asr"]["status"]) == (503, "unreachable")

import socket

import pytest


@pytest.fixture
def ask(live):
    """Send the bytes of a request; gives all of the answer, and whether its end was an orderly one."""

    def ask(request: bytes) -> tuple[bytes, bool]:
        answer = b""
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
            client.sendall(request)
            try:
                while part := client.recv(65_536):
                    answer += part
            except ConnectionResetError:
                return answer, False
        return answer, True

    return ask


def test_a_stream_is_not_in_chunks_and_ends_with_the_connection(ask) -> None:
    answer, whole = ask(b"POST /stream?cut=false HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert (body, whole) == (b"firstsecond", True)


def test_an_answer_of_known_length_says_so(ask) -> None:
    answer, whole = ask(b"POST /count HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")

    assert b"\r\ncontent-length: 11\r\n" in answer
    assert answer.endswith(b'\r\n\r\n{"bytes":5}')
    assert whole


def test_a_stream_that_is_cut_does_not_look_whole(ask) -> None:
    _, whole = ask(b"POST /stream HTTP/1.0\r\nContent-Length: 0\r\n\r\n")

    assert not whole


def test_nobody_waits_to_be_told_to_go_on(ask) -> None:
    answer, _ = ask(b"POST /count HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")

    assert answer.startswith(b"HTTP/1.1 200 ")

"""Clients that are slow, silent, wrong or many: each gets its answer, no other notices, and memory is bounded."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from speech_core.testing.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

KEPT_BYTES = 48 * 1024 * 1024
HEAD = b"POST /api/stt/bytes HTTP/1.1\r\nhost: gateway\r\n"
UPGRADE = (
    b"GET /ws/tts HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: " + base64.b64encode(bytes(16)) + b"\r\n"
)

# Closing then resets the connection, as a process that dies does.
RESET = struct.pack("ii", 1, 0)
LOUD = {"LOG_LEVEL": "info", "LOG_FORMAT": "json"}


@pytest.fixture(scope="module")
def house(start_module_fakes, tmp_path_factory) -> Generator:
    """The three with fake engines, little patience, a key, and their logs in a file."""
    folder = tmp_path_factory.mktemp("house")
    return start_module_fakes(
        GATEWAY_BODY_TIMEOUT_SECONDS="2",
        GATEWAY_STALLED_SECONDS="2",
        **LOUD,
        log=folder / "log",
    )


@contextlib.contextmanager
def opened(stack, firsts: Iterable[bytes]) -> Generator[list[socket.socket]]:
    """A connection for each of *firsts*, which is what it says."""
    with contextlib.ExitStack() as cleanup:
        connections = []
        for first in firsts:
            connection = socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=60)
            connections.append(cleanup.enter_context(connection))
            connection.sendall(first)
        yield connections


def is_served(stack) -> bool:
    return httpx.post(f"{stack.url}/api/tts", json={"text": "one"}, timeout=20).status_code == 200


def logged(stack) -> Counter[str]:
    """How often the gateway has told of each request."""
    lines = [json.loads(line) for line in stack.gateway.log.read_text(encoding="utf-8").splitlines()]
    return Counter(line["request_id"] for line in lines if line["event"] == "request")


def wait_until_logged_once(stack, request_ids: Iterable[str]) -> None:
    wanted = dict.fromkeys(request_ids, 1)
    wait_until(lambda: wanted.items() <= logged(stack).items())


def test_heads_that_come_drop_by_drop_are_hung_up_on_and_logged_once(house) -> None:
    names = [f"crawl-{number}" for number in range(200)]
    with opened(house, [HEAD + f"x-request-id: {name}\r\na: b\r\nc: ".encode() for name in names]) as crawling:
        assert is_served(house)
        assert [connection.recv(1) for connection in crawling] == [b""] * 200

    wait_until_logged_once(house, names)


@pytest.mark.parametrize(
    ("name", "rest", "status"),
    [("flood", b"a: " + b"b" * 70_000, b"431"), ("noise", b"\0\xff\r\n\r\n", b"400")],
)
def test_heads_that_are_none_get_a_bare_answer_and_are_logged_once(house, name, rest, status) -> None:
    names = [f"{name}-{number}" for number in range(100)]
    heads = [HEAD + f"x-request-id: {name}\r\na: b\r\n".encode() + rest for name in names]

    with opened(house, heads) as callers:
        answers = [connection.recv(4096).split(b"\r\n\r\n")[0] for connection in callers]

    assert {answer[9:12] for answer in answers} == {status}
    assert all(f"x-request-id: {name}".encode() in answer for name, answer in zip(names, answers, strict=True))
    wait_until_logged_once(house, names)
    assert is_served(house)


def test_bodies_that_come_drop_by_drop_are_told_so_and_logged_once(house) -> None:
    names = [f"drop-{number}" for number in range(40)]
    heads = [HEAD + f"x-request-id: {name}\r\ncontent-length: 1000\r\n\r\nabc".encode() for name in names]

    with opened(house, heads) as crawling:
        assert is_served(house)
        answers = [connection.recv(4096) for connection in crawling]

    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    wait_until_logged_once(house, names)


def test_bodies_that_hardly_come_do_not_keep_others_out(start_fakes, clip) -> None:
    """Longer ones than there is room for, on more connections than there are seats."""
    stack = start_fakes()
    with opened(stack, [HEAD + b"content-length: 1000000000\r\n\r\nabc"] * 300):
        wait_until(
            lambda: httpx.post(f"{stack.url}/api/stt/bytes", content=clip, timeout=20).status_code == 200, seconds=15
        )


def test_listeners_who_never_read_are_cut_off(house) -> None:
    body = json.dumps({"text": "one two three four five six seven eight. " * 90}).encode()
    head = "POST /api/tts HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nx-request-id: {}\r\n"
    names = [f"deaf-{number}" for number in range(4)]
    asked = [head.format(name).encode() + b"content-length: %d\r\n\r\n" % len(body) + body for name in names]

    with opened(house, asked):
        assert is_served(house)
        wait_until_logged_once(house, names)

    assert is_served(house)


def test_a_socket_that_is_never_read_is_cut_off(house) -> None:
    text = json.dumps({"text": "one two three four five six seven eight. " * 90})
    with connect(f"{house.ws_url}/ws/tts", additional_headers={"x-request-id": "deaf"}, max_queue=1) as deaf:
        for _ in range(4):
            deaf.send(text)
        wait_until_logged_once(house, ["deaf"])

    assert is_served(house)


@pytest.mark.parametrize(("frame", "code"), [("a" * 70_000, 1009), (b"\x81\x82\0\0\0\0\xff\xfe", 1007)])
def test_frames_that_no_client_may_send_close_the_socket(house, frame, code) -> None:
    with connect(f"{house.ws_url}/ws/tts", additional_headers={"x-request-id": f"frame-{code}"}) as caller:
        caller.recv(timeout=20)
        if isinstance(frame, bytes):
            caller.socket.sendall(frame)
        else:
            caller.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            caller.recv(timeout=20)

    assert closed.value.rcvd.code == code
    wait_until_logged_once(house, [f"frame-{code}"])
    assert is_served(house)


def test_wrong_keys_at_speed_are_each_refused_and_logged_once(start_fakes, tmp_path) -> None:
    (tmp_path / "keys.yaml").write_text("keys: []", encoding="utf-8")
    keys = {"GATEWAY_KEYS_FILE": str(tmp_path / "keys.yaml"), "GATEWAY_KEY_SECRET": "secret"}
    stack = start_fakes(**keys, **LOUD, log=tmp_path / "log")
    before_bytes = stack.gateway.resident_bytes()
    names = [f"guess-{number}" for number in range(2_000)]

    def guess(name: str) -> int:
        headers = {"authorization": f"Bearer wrong-{name}", "x-request-id": name}
        return client.post(f"{stack.url}/api/tts", json={"text": "one"}, headers=headers).status_code

    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(16) as callers:
        answers = Counter(callers.map(guess, names))

    assert answers == {401: 2_000}
    assert stack.gateway.resident_bytes() - before_bytes < KEPT_BYTES
    wait_until_logged_once(stack, names)
    assert "wrong-guess" not in stack.gateway.log.read_text(encoding="utf-8")


async def come_and_go(port: int, names: Iterator[str]) -> None:
    """A socket for each of the names, one after the other: opened, and dropped without a goodbye."""
    for name in names:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE + f"x-request-id: {name}\r\n\r\n".encode())
        assert await reader.readexactly(12) == b"HTTP/1.1 101"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()


async def storm(port: int, names: Iterable[str]) -> None:
    """So many at once as the gateway takes easily."""
    left = iter(names)
    async with anyio.create_task_group() as callers:
        for _ in range(64):
            callers.start_soon(come_and_go, port, left)


def test_ten_thousand_sockets_opened_and_dropped_leave_nothing(house) -> None:
    port, names = house.gateway.port, [f"storm-{number}" for number in range(10_000)]
    asyncio.run(storm(port, [f"calm-{number}" for number in range(200)]))
    wait_until(lambda: house.gateway.counted("speech_sockets") == 0)
    before_bytes, before_files = house.gateway.resident_bytes(), open_files(house.gateway)

    with ThreadPoolExecutor(1) as elsewhere:
        storming = elsewhere.submit(asyncio.run, storm(port, names))
        served = [is_served(house)]
        while not storming.done():
            served.append(is_served(house))
        storming.result()

    assert all(served)
    assert len(served) > 10
    wait_until(lambda: house.gateway.counted("speech_sockets") == 0)
    wait_until(lambda: open_files(house.gateway) <= before_files + 8)
    assert house.gateway.resident_bytes() - before_bytes < KEPT_BYTES
    wait_until_logged_once(house, names)


def open_files(process) -> int:
    return len(os.listdir(f"/proc/{process.popen.pid}/fd"))

import base64
import os
import socket
from collections.abc import Generator
from concurrent.futures import Future
from threading import Event

import anyio.lowlevel
import pytest
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from speech_core.testing.live import live_server
from speech_core.testing.waiting import wait_until

KEY = b"sec-websocket-key: " + base64.b64encode(bytes(16)) + b"\r\n"
VERSION = b"sec-websocket-version: 13\r\n"


@pytest.fixture
def caller(live) -> Generator[ClientConnection]:
    with connect(f"{live.ws_url}/socket", compression=None) as caller:
        yield caller


def bytes_of(*frames: Frame) -> bytes:
    return b"".join(frame.serialize(mask=True) for frame in frames)


@pytest.mark.parametrize(
    ("fields", "status"),
    [(VERSION, 400), (KEY, 400), (KEY + b"sec-websocket-version: 8\r\n", 400), (VERSION + KEY + KEY, 400)],
)
def test_an_upgrade_that_is_none_is_refused_and_logged_once(live, fields, status) -> None:
    head = b"GET /socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-request-id: mine\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client, capture_logs() as lines:
        client.sendall(head + fields + b"\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"x-request-id: mine\r\n" in answer
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["request_id"], line["status"], line["code"]) == ("mine", status, "bad_handshake")


def test_a_message_in_thousands_of_pieces_is_too_large(caller, caplog) -> None:
    caller.socket.sendall(bytes_of(Frame(Opcode.TEXT, b"a", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 3_000))

    with pytest.raises(ConnectionClosed) as closed:
        caller.recv(timeout=10)
    assert closed.value.rcvd.code == 1009
    assert not [line for line in caplog.records if line.name == "asyncio"]  # where what a protocol raises is told


def test_a_message_in_hundreds_of_pieces_may_come(caller) -> None:
    caller.socket.sendall(bytes_of(Frame(Opcode.TEXT, b"a", fin=False), *[Frame(Opcode.CONT, b"b", fin=False)] * 900))

    assert caller.ping().wait(10)


def test_who_answers_no_ping_while_something_is_said_has_left() -> None:
    app, left = FastAPI(), Event()

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("and on")
                await anyio.lowlevel.checkpoint()
        except WebSocketDisconnect:
            left.set()

    with live_server(app) as live, connect(f"{live.ws_url}/talk") as caller:
        caller.recv(timeout=10)
        (protocol,) = live.server.server_state.connections
        protocol.loop.call_soon_threadsafe(protocol.keepalive_timeout)

        assert left.wait(10)


def test_who_is_not_read_is_not_missed() -> None:
    """An answer to a ping lies behind what was sent before it."""
    app, gate = FastAPI(), Event()

    @app.websocket("/late")
    async def late(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.to_thread.run_sync(gate.wait, 20)
        for _ in range(2):
            await websocket.send_text(await websocket.receive_text())

    with live_server(app) as live, connect(f"{live.ws_url}/late") as caller:
        (protocol,) = live.server.server_state.connections
        caller.send("one")
        caller.send("two")
        wait_until(lambda: protocol.read_paused)
        protocol.loop.call_soon_threadsafe(protocol.keepalive_timeout)
        protocol.loop.call_soon_threadsafe(gate.set)

        assert [caller.recv(timeout=10), caller.recv(timeout=10)] == ["one", "two"]


@pytest.mark.parametrize(("payload", "is_missed"), [(b"sound 500", False), (b"sound 0", True), (b"else", True)])
def test_an_answer_about_sound_keeps_the_socket_alive(live, caller, payload, is_missed) -> None:
    (protocol,) = live.server.server_state.connections
    missed = Future()

    def answer() -> None:
        protocol._window.sent(1.0)
        protocol.pending_ping_payload = b"alive?"
        protocol.handle_pong(Frame(Opcode.PONG, payload))
        missed.set_result(protocol.pending_ping_payload is not None)

    protocol.loop.call_soon_threadsafe(answer)
    assert missed.result(10) == is_missed


def test_who_pings_without_end_and_does_not_read_is_not_answered_without_end(live) -> None:
    pings = bytes_of(*[Frame(Opcode.PING, os.urandom(125))] * 1_000)
    head = b"GET /socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n" + VERSION + KEY + b"\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(12) == b"HTTP/1.1 101"
        wait_until(lambda: any(hasattr(one, "conn") for one in live.server.server_state.connections))
        (protocol,) = live.server.server_state.connections
        for _ in range(150):
            client.sendall(pings)

        assert protocol.transport.get_write_buffer_size() < 1_000_000


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/socket", b"cookie: " + b"c" * 8_300 + b"\r\n", 431),
        ("/socket", b"a: b\r\n" * 200, 431),
        ("/socket?" + "q" * 9_000, b"", 414),
        ("/socket", b"content-length: 3\r\n", 400),
    ],
    ids=["a long field", "many fields", "a long target", "a body"],
)
def test_an_upgrade_that_only_the_server_understands_is_refused_and_logged_once(live, target, fields, status) -> None:
    head = f"GET {target} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-request-id: mine\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client, capture_logs() as lines:
        client.sendall(head.encode() + VERSION + KEY + fields + b"\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"x-request-id: mine\r\n" in answer
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["request_id"], line["path"], line["code"]) == ("mine", "/socket", "bad_handshake")

import json

import pytest
from aiohttp import ClientConnectionResetError, WSMessage, WSMsgType
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from speech_core.testing.live import live_server
from speech_gateway.app import create_app
from speech_gateway.settings import GatewaySettings
from speech_gateway.upstreams.service import received


def opened(net):
    return connect(f"{net.gateway.ws_url}/ws/tts", compression=None)


def test_text_and_sound_pass_untouched(net) -> None:
    with opened(net) as socket:
        socket.send('{"text": "Привет"}')
        text = socket.recv(timeout=10)
        socket.send("binary")
        sound = socket.recv(timeout=10)

    assert (text, sound) == ('{"text": "Привет"}', b"\0\1\2")
    assert net.tts.requests[0]["headers"]["x-request-id"]


@pytest.mark.parametrize("code", [1000, 1001, 1013, 4000])
def test_the_services_close_code_is_ours(net, code) -> None:
    with opened(net) as socket:
        socket.send(f"close {code}")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert closed.value.rcvd.code == code


def test_a_caller_who_leaves_closes_the_other_end(net) -> None:
    with opened(net) as socket:
        socket.send("hello")
        socket.recv(timeout=10)

    assert net.tts.left.wait(10)


def test_a_service_that_breaks_off_is_told_as_an_error(net) -> None:
    with opened(net) as socket:
        socket.send("break")
        event = json.loads(socket.recv(timeout=10))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (event["type"], event["error"]["code"]) == ("error", "upstream_unreachable")
    assert closed.value.rcvd.code == 1011


def test_without_a_service_the_upgrade_is_refused_by_http() -> None:
    settings = GatewaySettings(tts_url="http://127.0.0.1:1", asr_url="http://127.0.0.1:1")
    with live_server(create_app(settings)) as live, pytest.raises(InvalidStatus) as refused:
        connect(f"{live.ws_url}/ws/tts")

    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["error"]["code"]) == (503, "upstream_unreachable")
    assert response.headers["x-request-id"]


def test_a_drain_waits_for_the_utterance_in_progress(net) -> None:
    with opened(net) as speaking, opened(net) as idle:
        speaking.send('{"type":"start"}')
        speaking.recv(timeout=10)
        speaking.send("gate")
        idle.send("hello")
        idle.recv(timeout=10)
        net.gateway.drain()
        with pytest.raises(ConnectionClosed) as idle_closed:
            idle.recv(timeout=10)
        net.tts.gate.set()
        end = speaking.recv(timeout=10)
        with pytest.raises(ConnectionClosed) as closed:
            speaking.recv(timeout=10)

    assert (end, idle_closed.value.rcvd.code, closed.value.rcvd.code) == ('{"type":"end"}', 1001, 1001)


def test_what_a_drain_cannot_wait_for_is_told(net) -> None:
    with opened(net) as speaking, opened(net) as idle, capture_logs() as lines:
        speaking.send('{"text": "Long"}')
        speaking.send('{"type":"start"}')
        assert [speaking.recv(timeout=10) for _ in range(2)]
        speaking.send("gate")
        protocol, *_ = net.gateway.server.server_state.connections
        net.gateway.drain()
        protocol.loop.call_soon_threadsafe(net.gateway.shell.drain.expire)
        event = json.loads(speaking.recv(timeout=10))
        with pytest.raises(ConnectionClosed) as closed:
            speaking.recv(timeout=10)
        with pytest.raises(ConnectionClosed) as idle_closed:
            idle.recv(timeout=10)

    assert (event["type"], event["error"]["code"], closed.value.rcvd.code) == ("error", "draining", 1001)
    assert idle_closed.value.rcvd.code == 1001
    assert not [line for line in lines if line["event"] == "unexpected_error"]


class Gone:
    """The other end of a socket that has said all and hung up."""

    def __init__(self, *messages: WSMessage) -> None:
        self.messages = list(messages)

    async def receive(self) -> WSMessage:
        return self.messages.pop(0)

    async def pong(self, payload: bytes) -> None:
        raise ClientConnectionResetError("cannot write to closing transport")


@pytest.mark.anyio
async def test_what_was_sent_before_the_other_end_hung_up_is_heard() -> None:
    sound = WSMessage(WSMsgType.BINARY, b"sound", None)
    there = Gone(WSMessage(WSMsgType.PING, b"sound 500", None), sound, WSMessage(WSMsgType.CLOSE, 1001, None))

    assert [message async for message in received(there)] == [sound]


def test_what_was_on_its_way_when_a_drain_began_is_answered(net) -> None:
    with opened(net) as late, opened(net) as idle:
        for socket in (late, idle):
            socket.send("hello")
            socket.recv(timeout=10)
        net.gateway.drain()
        late.send('{"text": "Just sent"}')
        with pytest.raises(ConnectionClosed):
            idle.recv(timeout=10)
        asked = late.recv(timeout=10)
        late.send('{"type":"end","reply_to":2}')
        end = late.recv(timeout=10)
        with pytest.raises(ConnectionClosed) as closed:
            late.recv(timeout=10)

    assert (asked, end) == ('{"text": "Just sent"}', '{"type":"end","reply_to":2}')
    assert closed.value.rcvd.code == 1001


def test_a_message_above_the_limit_closes_with_1009(net) -> None:
    with opened(net) as socket:
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert closed.value.rcvd.code == 1009


class Pinged(ClientConnection):
    """Counts the pings that it answers."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.pings = 0

    def process_event(self, event) -> None:
        self.pings += isinstance(event, Frame) and event.opcode is Opcode.PING
        super().process_event(event)


@pytest.mark.parametrize(
    ("start", "frame_bytes", "seconds"),
    [
        ({"format": "pcm_s16le", "sample_rate": 22_050}, 4_410, 0.1),
        ({"format": "mulaw", "sample_rate": 8_000}, 160, 0.02),
        ({"format": "opus", "sample_rate": 48_000}, 61, 0.02),
    ],
)
def test_sound_is_asked_about_by_the_seconds_that_it_lasts(net, start, frame_bytes, seconds) -> None:
    frames = round(10 / seconds)
    with connect(f"{net.gateway.ws_url}/ws/tts", compression=None, create_connection=Pinged) as socket:
        socket.send('{"text": "Speak."}')
        socket.send(json.dumps({"type": "start", **start}, separators=(",", ":")))
        socket.send(f"frames {frames} {frame_bytes}")
        assert [socket.recv(timeout=10) for _ in range(2 + frames)][-1] == bytes(frame_bytes)

        assert socket.pings == pytest.approx(10 / 0.5, abs=4)  # a frame is never cut

import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from speech_core.testing.tts_socket import opened, send, until
from speech_core.testing.waiting import wait_until


def test_a_simple_client_gets_exactly_what_was_announced(live) -> None:
    with opened(live) as socket:
        send(socket, text="one two three")
        _, start = until(socket, "start")
        sound, end = until(socket, "end")

    assert (start["sample_rate"], start["channels"], start["format"]) == (16_000, 1, "pcm_s16le")
    assert len(sound) == 3 * 1_600 * 2
    assert end["audio_seconds"] == pytest.approx(0.3)
    assert end["first_audio_ms"] >= 0


def test_utterances_are_spoken_in_order(live) -> None:
    with opened(live) as socket:
        send(socket, text="one", id="a")
        send(socket, text="one two", id="b")
        ends = [until(socket, "end") for _ in range(2)]

    assert [(end["id"], len(sound)) for sound, end in ends] == [("a", 3_200), ("b", 6_400)]


def test_the_first_sentence_is_received_before_the_second_is_made(serve, engine) -> None:
    gate = engine.hold("Second.")
    with opened(serve(engine)) as socket:
        send(socket, text="First. Second. Third.")
        until(socket, "start")
        assert socket.recv(timeout=10)
        assert "Third." not in engine.asked
        gate.set()
        _, end = until(socket, "end")

    assert end["audio_seconds"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", "invalid_json", None),
        ('{"text": " "}', "empty_text", "text"),
        ('{"text": "a", "bogus": 1}', "unknown_field", "bogus"),
        ('{"type": "dance"}', "invalid_request", "type"),
        ('{"text": "a", "": 1}', "unknown_field", None),
        ('{"text": "..."}', "empty_text", "text"),
        ('{"text": "a", "ahead_seconds": 0.4}', "invalid_request", "ahead_seconds"),
        ('{"text": "a", "ahead_seconds": 601}', "invalid_request", "ahead_seconds"),
        ('{"text": "a", "ahead_seconds": "soon"}', "invalid_request", "ahead_seconds"),
        ('{"text": "a", "voice": "x"}', "unknown_voice", "voice"),
        ('{"text": "a", "format": "mulaw", "sample_rate": 16000}', "unsupported_format", "sample_rate"),
        (json.dumps({"text": "a" * 4097}), "text_too_long", "text"),
        (b"\0\1", "invalid_message", None),
    ],
)
def test_a_bad_message_is_an_event_and_the_socket_lives_on(live, message, code, param) -> None:
    with opened(live) as socket:
        socket.send(message)
        _, event = until(socket, "error")
        send(socket, text="one")
        sound, _ = until(socket, "end")

    assert (event["error"]["code"], event["error"].get("param")) == (code, param)
    assert len(sound) == 3_200


@pytest.mark.parametrize(("audio_format", "rate_hz"), [("opus", 48_000), ("mulaw", 8_000), ("alaw", 8_000)])
def test_other_formats_come_in_frames_of_twenty_milliseconds(live, audio_format, rate_hz) -> None:
    with opened(live) as socket:
        send(socket, text="one two", format=audio_format)
        _, start = until(socket, "start")
        _, end = until(socket, "end")

    assert (start["format"], start["sample_rate"]) == (audio_format, rate_hz)
    assert end["audio_seconds"] == pytest.approx(0.2, abs=0.03)


def test_an_engine_that_fails_in_the_middle_is_an_event_and_the_next_utterance_works(serve, engine) -> None:
    engine.broken.add("Second.")
    with opened(serve(engine)) as socket:
        send(socket, text="First. Second.", id="a")
        sound, event = until(socket, "error")
        send(socket, text="Again.", id="b")
        _, end = until(socket, "end")

    assert (event["id"], event["error"]["code"], len(sound)) == ("a", "engine_failed", 16_000)
    assert end["id"] == "b"


def test_cancel_stops_what_is_spoken_and_forgets_what_waits(serve, engine) -> None:
    gate = engine.hold("Second.")
    with opened(serve(engine)) as socket:
        send(socket, text="First. Second. Third.", id="a")
        send(socket, text="Never.", id="b")
        until(socket, "start")
        socket.recv(timeout=10)
        send(socket, type="cancel")
        send(socket, text="After.", id="c")
        gate.set()
        _, first = until(socket, "end")
        _, second = until(socket, "end")

    assert (first["id"], first["cancelled"], second["id"]) == ("a", True, "c")
    assert "Third." not in engine.asked
    assert "Never." not in engine.asked


def test_a_cancel_right_behind_its_utterance_is_not_lost(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        for number in range(30):
            send(socket, text="Never. And never.", id=f"never {number}")
            send(socket, type="cancel")
        send(socket, text="After.", id="after")
        ends = []
        while not ends or ends[-1]["id"] != "after":
            ends.append(until(socket, "end")[1])

    assert [end for end in ends[:-1] if not end.get("cancelled")] == []


def test_close_ends_the_socket_after_what_was_asked(live) -> None:
    with opened(live) as socket:
        send(socket, text="one")
        send(socket, type="close")
        sound, _ = until(socket, "end")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (closed.value.rcvd.code, len(sound)) == (1000, 3_200)


def test_a_full_house_is_an_event_with_a_code(serve, engine) -> None:
    live = serve(engine, seats=1)
    gate = engine.hold("Wait.")
    with opened(live) as first, opened(live) as second:
        send(first, text="Wait.")
        assert engine.entered.wait(10)
        send(second, text="Me too.")
        _, event = until(second, "error")
        gate.set()
        until(first, "end")
        send(second, text="Now.")
        until(second, "end")

    assert event["error"]["code"] == "queue_full"


def test_one_utterance_too_many_on_a_socket_is_refused(serve, engine) -> None:
    live = serve(engine, queued_utterances=1)
    gate = engine.hold("Wait.")
    with opened(live) as socket:
        send(socket, text="Wait.")
        assert engine.entered.wait(10)
        send(socket, text="One.")
        send(socket, text="Two.")
        _, event = until(socket, "error")
        gate.set()

    assert event["error"]["code"] == "queue_full"


def test_one_socket_too_many_is_told_to_try_again(serve, engine) -> None:
    live = serve(engine, max_sockets=1)
    with opened(live), connect(f"{live.ws_url}/ws/tts") as second, pytest.raises(ConnectionClosed) as closed:
        second.recv(timeout=10)

    assert closed.value.rcvd.code == 1013


def test_a_socket_that_speaks_counts_like_any_other(serve, engine) -> None:
    live = serve(engine, max_sockets=1)
    gate = engine.hold("Wait.")
    with opened(live) as first:
        send(first, text="Wait.")
        assert engine.entered.wait(10)
        with connect(f"{live.ws_url}/ws/tts") as second, pytest.raises(ConnectionClosed) as closed:
            second.recv(timeout=10)
        gate.set()
        until(first, "end")

    assert closed.value.rcvd.code == 1013


def test_a_listener_who_leaves_stops_the_engine(serve, engine) -> None:
    live = serve(engine, seats=1)
    gate = engine.hold("Second.")
    with opened(live) as socket:
        send(socket, text="First. Second. Third.")
        until(socket, "start")
        socket.recv(timeout=10)

    gate.set()

    with opened(live) as socket:

        def answered() -> bool:
            send(socket, text="After.")
            return until_any(socket)["type"] == "end"

        wait_until(answered)
    assert "Third." not in engine.asked


def until_any(socket: ClientConnection) -> dict:
    while True:
        message = socket.recv(timeout=10)
        if isinstance(message, str) and (event := json.loads(message))["type"] in ("end", "error"):
            return event


def test_a_drain_finishes_the_utterance_and_then_closes_with_1001(serve, engine) -> None:
    live = serve(engine)
    gate = engine.hold("Second.")
    with opened(live) as speaking, opened(live) as idle:
        send(speaking, text="First. Second.")
        until(speaking, "start")
        live.drain()
        with pytest.raises(ConnectionClosed) as idle_closed:
            idle.recv(timeout=10)
        gate.set()
        sound, end = until(speaking, "end")
        with pytest.raises(ConnectionClosed) as closed:
            speaking.recv(timeout=10)

    assert (idle_closed.value.rcvd.code, closed.value.rcvd.code) == (1001, 1001)
    assert len(sound) == 2 * 16_000
    assert "cancelled" not in end


def test_what_a_drain_cannot_wait_for_is_told(serve, engine) -> None:
    live = serve(engine)
    gate = engine.hold("Second.")
    with opened(live) as socket:
        send(socket, text="First. Second.", id="long")
        until(socket, "start")
        (protocol,) = live.server.server_state.connections
        live.drain()
        protocol.loop.call_soon_threadsafe(live.shell.drain.expire)
        gate.set()
        _, event = until(socket, "error")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (event["id"], event["error"]["code"], closed.value.rcvd.code) == ("long", "draining", 1001)


def test_what_was_on_its_way_when_a_drain_began_is_spoken(live) -> None:
    with opened(live) as socket:
        live.drain()
        ends = []
        for text in ("Just sent.", "And more."):
            send(socket, text=text)
            ends.append(until(socket, "end")[1])
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert all(end["audio_seconds"] > 0 for end in ends)
    assert closed.value.rcvd.code == 1001


def test_a_message_above_the_limit_closes_with_1009(live) -> None:
    with opened(live) as socket:
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert closed.value.rcvd.code == 1009


def test_health_names_engine_and_voices(live) -> None:
    health = httpx.get(f"{live.url}/health").json()

    assert (health["status"], health["engines"], health["models"]) == ("ok", ["fake"], ["fake/fake"])

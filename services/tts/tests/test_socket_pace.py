"""A listener who asked for no more sound than it plays: what is sent, made and cancelled in which time."""

import asyncio
import json
import time
from threading import Event

import anyio
import pytest
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_to_both
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from speech_core.testing.tts_socket import opened, send, until

from .conftest import GatedEngine

# Half a second each.
FOUR = "One. Two. Three. Four."

# Nothing is made for so long: the service waits.
_STILL_SECONDS = 0.5

# Of the voice of the fake engine.
_BYTES_PER_SECOND = 32_000


def arrivals(socket) -> list[tuple[float, float]]:
    """When each frame of an utterance came, and how much sound was there by then, in seconds of 16 kHz."""
    came, sound = [], 0
    while True:
        message = socket.recv(timeout=10)
        if isinstance(message, bytes):
            sound += len(message)
            came.append((time.monotonic(), sound / _BYTES_PER_SECOND))
        elif json.loads(message)["type"] == "end":
            return came


@pytest.mark.parametrize("audio_format", ["pcm", "mulaw", "opus"])
def test_sound_comes_no_faster_than_it_plays(serve, engine, audio_format) -> None:
    with opened(serve(engine)) as socket:
        send(socket, text=FOUR, ahead_seconds=0.5, format=audio_format)
        began = time.monotonic()
        until(socket, "start")
        _, end = until(socket, "end")
        took_seconds = time.monotonic() - began

    assert end["audio_seconds"] == pytest.approx(2, abs=0.03)
    assert took_seconds >= 2 - 0.5 - 0.1


def test_it_comes_in_time_for_one_who_plays_it(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        send(socket, text=FOUR, ahead_seconds=0.5)
        came = arrivals(socket)

    (first, _), ahead = came[0], [sound - (at - came[0][0]) for at, sound in came]
    assert min(ahead[1:]) > 0
    assert came[-1][0] - first >= 2 - 0.5 - 0.1


def test_without_the_field_it_comes_as_it_is_made(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        began = time.monotonic()
        send(socket, text=" ".join(["One."] * 60))
        _, end = until(socket, "end")

    assert (end["audio_seconds"], time.monotonic() - began < 15) == (pytest.approx(30), True)


def test_the_engine_is_held_back_too(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        send(socket, text=FOUR, ahead_seconds=0.5)
        until(socket, "start")
        sound_bytes = 0
        while sound_bytes <= 0.6 * _BYTES_PER_SECOND:  # so it has waited once: its engine could have run on
            sound_bytes += len(socket.recv(timeout=10))
        asked = list(engine.asked)
        until(socket, "end")

    assert "Four." not in asked


def test_the_first_append_says_how_far_ahead(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        began = time.monotonic()
        send(socket, type="append", text="One. Two.", ahead_seconds=0.5)
        send(socket, type="append", text=" Three. Four.")
        send(socket, type="flush")
        _, end = until(socket, "end")

    assert end["audio_seconds"] == pytest.approx(2)
    assert time.monotonic() - began >= 2 - 0.5 - 0.1


def test_a_cancel_does_not_wait_for_the_pace(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        send(socket, text=" ".join(["One."] * 200), id="a", ahead_seconds=0.5)
        until(socket, "start")
        assert socket.recv(timeout=10)
        began = time.monotonic()
        send(socket, type="cancel")
        sound, end = until(socket, "end")
        took_seconds = time.monotonic() - began
        send(socket, text="After.", id="b", ahead_seconds=0.5)
        _, after = until(socket, "end")

    assert (end["cancelled"], after["id"]) == (True, "b")
    assert len(sound) <= _BYTES_PER_SECOND
    assert took_seconds < 5


def test_a_drain_sends_the_rest_at_once(serve, engine) -> None:
    live = serve(engine)
    with opened(live) as socket:
        send(socket, text=" ".join(["One."] * 100), ahead_seconds=0.5)
        until(socket, "start")
        assert socket.recv(timeout=10)
        began = time.monotonic()
        live.drain()
        _, end = until(socket, "end")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (end["audio_seconds"], closed.value.rcvd.code) == (pytest.approx(50), 1001)
    assert time.monotonic() - began < 25


def made_for_one_who_does_not_read(socket: ClientConnection, engine: GatedEngine) -> int:
    """How many pieces of half a second are made before the service waits; the rest is there when it is read."""
    send(socket, text=" ".join(["One."] * 60))
    until(socket, "start")
    made = 0
    while len(engine.asked) > made:
        made = len(engine.asked)
        Event().wait(_STILL_SECONDS)
    _, end = until(socket, "end")
    assert end["audio_seconds"] == pytest.approx(30)
    return made


def test_one_who_does_not_read_has_a_few_seconds_ahead(serve, engine) -> None:
    with connect(f"{serve(engine).ws_url}/ws/tts", compression=None, max_queue=1) as socket:
        assert 4 <= made_for_one_who_does_not_read(socket, engine) <= 12


def test_a_writer_far_ahead_of_its_voice_is_not_waited_for_in_vain(serve, engine) -> None:
    """Its answers to pings lie behind text that is not read yet."""
    live = serve(engine)
    append = json.dumps({"type": "append", "text": "One." + " " * 400})

    async def write_and_listen() -> float:
        url = f"{live.ws_url}/ws/tts"
        async with connect_to_both(url, compression=None) as socket, anyio.create_task_group() as tasks:
            tasks.start_soon(write, socket)
            async for message in socket:
                if isinstance(message, str) and json.loads(message)["type"] == "end":
                    return json.loads(message)["audio_seconds"]
        raise AssertionError("it never ended")

    async def write(socket: AsyncConnection) -> None:
        for _ in range(400):  # more than is kept for it
            await socket.send(append)
        await socket.send('{"type": "flush"}')

    assert asyncio.run(write_and_listen()) == 200

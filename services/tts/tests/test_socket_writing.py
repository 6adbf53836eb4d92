"""Text that is still being written: append, flush, and what comes between."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from speech_core.testing.tts_socket import opened, send, until


def append(socket: ClientConnection, text: str, **how: object) -> None:
    send(socket, type="append", text=text, **how)


def test_text_that_is_being_written_is_spoken_sentence_by_sentence(serve, engine) -> None:
    with opened(serve(engine)) as socket:
        for token in ("Fir", "st.", " Sec", "ond"):
            append(socket, token, id="a")
        until(socket, "start")
        assert socket.recv(timeout=10)
        assert engine.asked == ["First."]
        append(socket, ".")
        send(socket, type="flush")
        _, end = until(socket, "end")

    assert (end["id"], end["audio_seconds"], engine.asked) == ("a", pytest.approx(1.0), ["First.", "Second."])


def test_after_a_flush_the_next_utterance_begins(live) -> None:
    with opened(live) as socket:
        append(socket, "one", id="a")
        send(socket, type="flush")
        send(socket, text="one two", id="b")
        append(socket, "one two three", id="c")
        send(socket, type="close")
        ends = [until(socket, "end") for _ in range(3)]
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert [(end["id"], len(sound)) for sound, end in ends] == [("a", 3_200), ("b", 6_400), ("c", 9_600)]
    assert closed.value.rcvd.code == 1000


def test_cancel_ends_what_is_being_written(live) -> None:
    with opened(live) as socket:
        append(socket, "one. ", id="a")
        until(socket, "start")
        send(socket, type="cancel")
        _, first = until(socket, "end")
        append(socket, "two", id="b")
        send(socket, type="flush")
        sound, second = until(socket, "end")

    assert (first["id"], first["cancelled"]) == ("a", True)
    assert (second["id"], len(sound)) == ("b", 3_200)


def test_the_rest_of_an_utterance_that_failed_is_dropped_up_to_its_flush(serve, engine) -> None:
    engine.broken.add("First.")
    with opened(serve(engine)) as socket:
        append(socket, "First. ", id="a")
        _, event = until(socket, "error")
        append(socket, "Never. ")
        send(socket, type="flush")
        append(socket, "Again.", id="b")
        send(socket, type="flush")
        _, end = until(socket, "end")

    assert (event["id"], event["error"]["code"], end["id"]) == ("a", "engine_failed", "b")
    assert engine.asked == ["First.", "Again."]


def test_after_a_failure_an_utterance_of_another_id_begins(serve, engine) -> None:
    engine.broken.add("First.")
    with opened(serve(engine)) as socket:
        append(socket, "First. ", id="a")
        until(socket, "error")
        append(socket, "Second.", id="b")
        send(socket, type="flush")
        _, end = until(socket, "end")

    assert (end["id"], engine.asked) == ("b", ["First.", "Second."])


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "flush"}], "nothing_to_flush"),
        ([{"type": "append", "text": "..."}, {"type": "flush"}], "empty_text"),
        ([{"type": "append", "text": ""}, {"type": "flush"}], "empty_text"),
        ([{"type": "append"}], "missing_field"),
        ([{"type": "append", "text": "a", "bogus": 1}], "unknown_field"),
        ([{"type": "append", "text": "a", "voice": "nobody"}], "unknown_voice"),
    ],
)
def test_bad_writing_is_an_event_and_the_socket_lives_on(live, messages, code) -> None:
    with opened(live) as socket:
        for message in messages:
            send(socket, **message)
        _, event = until(socket, "error")
        send(socket, type="cancel")
        send(socket, text="one")
        sound, _ = until(socket, "end")

    assert (event["error"]["code"], len(sound)) == (code, 3_200)


def test_a_writer_who_falls_silent_frees_the_seat(serve, engine) -> None:
    with opened(serve(engine, silent_writer_seconds=0.1, seats=1)) as socket:
        append(socket, "One and", id="a")
        _, event = until(socket, "error")
        send(socket, type="flush")
        send(socket, text="Two.", id="b")
        _, end = until(socket, "end")

    assert (event["id"], event["error"]["code"], end["id"]) == ("a", "text_timeout", "b")


def test_a_drain_ends_what_is_being_written(live) -> None:
    with opened(live) as socket:
        append(socket, "one. two", id="a")
        until(socket, "start")
        live.drain()
        _, end = until(socket, "end")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)

    assert (end["id"], end["audio_seconds"], closed.value.rcvd.code) == ("a", pytest.approx(0.2), 1001)


def test_a_long_text_is_spoken_while_it_is_written(live) -> None:
    text, times = "Some words of a text; with clauses, and a stop. ", 40
    with opened(live) as socket, ThreadPoolExecutor(1) as writer:

        def write() -> None:
            for _ in range(5):
                append(socket, text * times)
            send(socket, type="flush")

        written = writer.submit(write)
        _, end = until(socket, "end")
        written.result()

    assert end["audio_seconds"] == pytest.approx(5 * times * 10 * 0.1)

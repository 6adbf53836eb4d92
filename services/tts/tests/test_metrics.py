"""What is counted of synthesis: the wait for a turn, the speed, the first sound, and what was made in vain."""

import httpx
import pytest

from speech_core.testing.tts_socket import opened, send, until
from speech_core.testing.waiting import wait_until


def value(live, name: str, **labels: str) -> float:
    """A sample of the service; a series that is not there is an error."""
    found = live.server.config.app.state.shell.metrics.registry.get_sample_value(name, {"service": "tts", **labels})
    assert found is not None, f"there is no {name} {labels}"
    return found


def spoken(live, text: str, **more: object) -> httpx.Response:
    return httpx.post(f"{live.url}/api/tts", json={"text": text, **more}, timeout=30)


@pytest.mark.parametrize("audio_format", ["pcm", "wav", "mp3", "opus"])
def test_the_sound_that_left_is_counted_whatever_it_is_packed_in(serve, engine, audio_format) -> None:
    live = serve(engine)

    assert spoken(live, "First. Second. Third.", format=audio_format).status_code == 200

    wait_until(lambda: value(live, "speech_audio_seconds_total", direction="out", kind="synthesized") == 1.5)


def test_each_phrase_has_waited_and_has_a_speed_and_the_first_one_is_heard_once(serve, engine) -> None:
    live = serve(engine)

    spoken(live, "First. Second. Third.")
    with opened(live) as socket:
        send(socket, text="First. Second.")
        until(socket, "end")

    wait_until(lambda: value(live, "speech_queue_wait_seconds_count") == 5)
    assert value(live, "speech_real_time_factor_count", engine="gated") == 5
    assert value(live, "speech_computed_audio_seconds_total", engine="gated") == 2.5
    assert value(live, "speech_compute_seconds_total", engine="gated") > 0
    for operation in ("tts", "tts_socket"):
        assert value(live, "speech_first_audio_seconds_count", operation=operation, engine="gated") == 1
    assert value(live, "speech_wasted_compute_seconds_total") == 0


def test_what_is_made_for_a_listener_who_has_left_is_wasted(serve, engine) -> None:
    live, gate = serve(engine), engine.hold("Second.")

    with opened(live) as socket:
        send(socket, text="First. Second. Third.")
        until(socket, "start")
        wait_until(lambda: "Second." in engine.asked)
    gate.set()

    wait_until(lambda: value(live, "speech_wasted_compute_seconds_total") > 0)
    assert value(live, "speech_real_time_factor_count", engine="gated") == 1
    wait_until(lambda: value(live, "speech_cancelled_total", stage="engine") == 1)


def test_who_waits_for_a_turn_is_seen_in_the_queue(serve, engine) -> None:
    engine.lanes = type(engine.lanes)(1)
    live, gate = serve(engine), engine.hold("First.")

    with opened(live) as first, opened(live) as second:
        send(first, text="First.")
        wait_until(lambda: "First." in engine.asked)
        send(second, text="Second.")
        wait_until(lambda: value(live, "speech_queued") == 1)
        gate.set()
        for socket in (first, second):
            until(socket, "end")

    assert value(live, "speech_queued") == 0

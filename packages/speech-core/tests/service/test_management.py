import httpx
import pytest

from speech_core.service.management import STUCK_SECONDS, alive, managed


@pytest.fixture
def get(toy):
    with managed(toy.shell, "127.0.0.1", 0) as port:
        yield lambda path, method="GET": httpx.request(method, f"http://127.0.0.1:{port}{path}")


def test_before_the_model_is_loaded_the_service_lives_but_is_not_ready(get) -> None:
    assert get("/livez").status_code == 200
    assert (get("/readyz").status_code, get("/readyz").text) == (503, "starting\n")


def test_a_started_service_is_ready_until_it_drains(get, toy, live) -> None:
    assert get("/readyz").status_code == 200

    toy.shell.drain.begin()

    assert (get("/readyz").status_code, get("/readyz").text) == (503, "draining\n")
    assert get("/livez").status_code == 200


def test_a_loop_that_stopped_turning_is_not_alive(toy) -> None:
    toy.shell.started = True
    toy.shell.heartbeat.last_beat_seconds = 100.0

    assert alive(toy.shell, now_seconds=100.0 + STUCK_SECONDS - 1)
    assert not alive(toy.shell, now_seconds=100.0 + STUCK_SECONDS)


def test_every_series_is_there_from_the_start(get) -> None:
    text = get("/metrics").text

    assert 'speech_requests_total{operation="say",outcome="failed",service="toy"} 0.0' in text
    assert 'speech_refused_total{reason="queue_full",service="toy"} 0.0' in text
    assert 'speech_capacity{service="toy"} 2.0' in text
    assert "process_resident_memory_bytes" in text


def test_another_path_says_what_there_is(get) -> None:
    assert get("/").status_code == 404


def test_a_probe_may_ask_for_the_head_alone(get) -> None:
    answer = get("/livez", "HEAD")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "3", b"")

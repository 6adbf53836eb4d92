import httpx

from speech_core.service.management import alive
from speech_core.testing.waiting import wait_until


def test_an_engine_that_hangs_asks_for_a_new_process(serve, engine) -> None:
    gate = engine.hold("Wait.")
    live = serve(engine, synthesis_timeout_seconds=0.1)
    shell = live.server.config.app.state.shell

    def lives() -> bool:
        return alive(shell, now_seconds=shell.heartbeat.last_beat_seconds)

    with (
        httpx.Client(base_url=live.url, timeout=20) as client,
        client.stream("POST", "/api/tts", content=b"First.\nWait.\n", headers={"content-type": "text/plain"}) as answer,
    ):
        parts = answer.iter_raw()
        next(parts)
        assert lives()
        wait_until(lambda: not lives())
        gate.set()

    wait_until(lives)

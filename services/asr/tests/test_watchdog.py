import anyio
import httpx
import pytest

from speech_asr.engines import EngineStuck
from speech_asr.watchdog import Watchdog
from speech_core.service.management import alive
from speech_core.testing.live import LiveServer
from speech_core.testing.waiting import wait_until

pytestmark = pytest.mark.anyio

RATE_HZ = 16_000


@pytest.fixture
def second(engine):
    return engine.prepare([0.0] * RATE_HZ, None)


def shell_of(live: LiveServer):
    return live.server.config.app.state.shell


async def test_a_call_that_hangs_is_given_up_and_seen_until_it_ends(engine, second) -> None:
    gate = engine.hold(0)
    watchdog = Watchdog(engine, workers=1, limit_seconds=0.1)

    with pytest.raises(EngineStuck, match=r"a batch of 1 was in the engine for more than 0\.1 s"):
        await watchdog.decode([second])
    await anyio.to_thread.run_sync(wait_until, watchdog.stuck)

    gate.set()
    await anyio.to_thread.run_sync(wait_until, lambda: not watchdog.stuck())


async def test_a_caller_who_is_cancelled_leaves_when_the_engine_is_done(engine, second) -> None:
    gate, watchdog, left = engine.hold(0), Watchdog(engine, workers=1, limit_seconds=20), []

    async def call() -> None:
        try:
            await watchdog.decode([second])
        finally:
            left.append(gate.is_set())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await anyio.to_thread.run_sync(engine.entered.wait, 20)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
        gate.set()

    assert left == [True]


def test_a_hanging_engine_fails_its_callers_and_asks_for_a_new_process(serve, engine, speech) -> None:
    gate = engine.hold(0)
    live = serve(engine, engine_seconds=0.2)
    shell = shell_of(live)

    answer = httpx.post(f"{live.url}/api/stt/bytes", content=speech, timeout=20)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")
    assert not alive(shell, now_seconds=shell.heartbeat.last_beat_seconds)

    gate.set()
    wait_until(lambda: alive(shell, now_seconds=shell.heartbeat.last_beat_seconds))
    assert httpx.post(f"{live.url}/api/stt/bytes", content=speech, timeout=20).json()["text"] == "window 1"

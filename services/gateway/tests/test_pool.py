from functools import partial

import anyio
import pytest
from yarl import URL

from speech_gateway.upstreams.pool import Pool

HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def pool(now) -> Pool:
    pool = Pool(URL("http://asr:8081"), clock=lambda: now[0])
    pool.replace(HOSTS)
    return pool


def hosts(pool: Pool) -> list[str | None]:
    return [address.url.host for address in pool.addresses]


def test_before_anything_is_resolved_the_name_itself_is_asked() -> None:
    assert hosts(Pool(URL("http://asr:8081"))) == ["asr"]


def test_the_least_busy_address_is_chosen(pool) -> None:
    first, second, third = pool.addresses
    with first.busy(), first.busy(), second.busy(), third.busy(), third.busy():
        assert pool.choose() is second
        assert pool.choose([second]) in (first, third)


def test_load_is_even(pool) -> None:
    for _ in range(90):
        address = pool.choose()
        address.in_flight += 1

    assert [address.in_flight for address in pool.addresses] == [30, 30, 30]


def test_a_replica_that_comes_is_used_and_one_that_goes_is_not(pool) -> None:
    kept = list(pool.addresses)[1]
    kept.in_flight = 5

    pool.replace(["10.0.0.2", "10.0.0.9"])

    assert hosts(pool) == ["10.0.0.2", "10.0.0.9"]
    assert next(iter(pool.addresses)) is kept
    assert pool.choose().url == URL("http://10.0.0.9:8081")


def test_no_address_at_all_changes_nothing(pool) -> None:
    pool.replace([])

    assert hosts(pool) == HOSTS


def test_an_address_that_fails_again_and_again_rests_longer_each_time(pool, now) -> None:
    bad = pool.choose()
    rests = []
    for _ in range(3):
        while pool.choose([one for one in pool.addresses if one is not bad and one.in_flight == 0]) is bad:
            pool.failed(bad)
            if bad.resting_until_seconds > now[0]:
                break
        rests.append(bad.resting_until_seconds - now[0])
        assert all(pool.choose() is not bad for _ in range(20))
        now[0] = bad.resting_until_seconds

    assert rests == [2.0, 4.0, 8.0]
    bad.succeeded()
    assert any(pool.choose() is bad for _ in range(50))


def test_what_fails_at_once_is_one_failure_more_and_not_many(pool, now) -> None:
    bad = pool.choose()
    for _ in range(30):
        pool.failed(bad)

    assert bad.resting_until_seconds == now[0] + 2


def test_when_all_rest_they_are_asked_all_the_same(pool) -> None:
    for address in pool.addresses:
        for _ in range(3):
            pool.failed(address)

    assert pool.choose() is not None


def test_there_may_be_nobody_else(pool) -> None:
    assert pool.choose(list(pool.addresses)) is None


@pytest.mark.anyio
async def test_a_name_that_cannot_be_resolved_keeps_what_it_had(pool) -> None:
    answers = [["10.0.0.7"], OSError("no such host"), ["10.0.0.8"]]
    seen = []

    async def resolve(host: str) -> list[str]:
        seen.append(hosts(pool))
        answer = answers.pop(0) if answers else OSError("enough")
        if isinstance(answer, OSError):
            raise answer
        return answer

    with anyio.move_on_after(5) as scope:
        async with anyio.create_task_group() as tasks:

            async def until_seen() -> None:
                while len(seen) < 4:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()

            tasks.start_soon(until_seen)
            await pool.follow(resolve, every_seconds=0)

    assert not scope.cancelled_caught
    assert seen[1:4] == [["10.0.0.7"], ["10.0.0.7"], ["10.0.0.8"]]


@pytest.mark.anyio
async def test_a_name_without_an_address_is_soon_asked_for_again(pool) -> None:
    answers = [OSError("no such host"), ["10.0.0.7"]]
    answered = anyio.Event()

    async def resolve(host: str) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        answered.set()
        return answer

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(pool.follow, resolve, every_seconds=3_600))
            await answered.wait()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

    assert hosts(pool) == ["10.0.0.7"]

"""What a name has used of its limits, and what becomes of that when they change."""

import pytest
from prometheus_client import CollectorRegistry

from speech_core.errors import RateLimited
from speech_gateway.accounts import Bucket, Usage, UsageMetrics
from speech_gateway.keys import KeyEntry


@pytest.fixture
def now() -> list[float]:
    """The time, which a test sets."""
    return [0.0]


@pytest.fixture
def usage(now) -> Usage:
    return Usage(limited(requests_per_minute=2), UsageMetrics(CollectorRegistry()), lambda: now[0])


def limited(**limits: object) -> KeyEntry:
    return KeyEntry(name="anna", hmac="0" * 64, **limits)


def use(usage: Usage) -> None:
    with usage.request():
        pass


def test_an_allowance_of_another_size_has_as_much_used(now) -> None:
    bucket = Bucket(8, 4, lambda: now[0])
    bucket.spend(6)

    bucket.resize(16)
    assert bucket.wait_seconds(10) == 0
    assert bucket.wait_seconds(12) == 2 / 4  # it comes back twice as fast
    bucket.resize(4)
    assert bucket.wait_seconds(1) == 3.0  # 2 were used too much
    now[0] = 6.0
    assert bucket.wait_seconds(4) == 0


def test_a_limit_that_is_taken_away_and_one_that_comes_are_felt_at_once(usage) -> None:
    use(usage)
    use(usage)
    with pytest.raises(RateLimited):
        use(usage)

    usage.adopt(limited())
    use(usage)
    usage.adopt(limited(streams=1))
    with usage.request(), pytest.raises(RateLimited, match="in progress"):
        use(usage)


def test_what_is_in_progress_counts_under_other_limits_too(usage) -> None:
    with usage.request():
        usage.adopt(limited(streams=1))
        with pytest.raises(RateLimited, match="in progress"):
            use(usage)

    use(usage)

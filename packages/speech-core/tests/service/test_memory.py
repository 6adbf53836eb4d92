import gc

import pytest

from speech_core.service.memory import settle


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_what_is_loaded_is_not_collected_again(thawed) -> None:
    loaded = [[] for _ in range(1000)]
    settle()

    assert gc.get_freeze_count() > len(loaded)
    assert not any(one is loaded for one in gc.get_objects())

"""What follows from the settings, where nothing is said."""

import pytest

from speech_asr.settings import AsrSettings, Layout
from speech_core.service.cpus import available_cpus


@pytest.mark.parametrize(
    ("settings", "windows"),
    [
        ({"workers": 1}, 2),
        ({"workers": 2}, 1),
        ({"workers": 5}, 4),
        ({"workers": 32}, 4),
        ({"workers": 32, "batch_size": 8}, 8),
        ({"workers": 32, "batch_size": 1}, 1),
        ({"workers": 1, "batch_size": 1}, 1),
        ({"device": "cuda"}, 8),
        ({"workers": 32, "windows_per_request": 31}, 31),
        ({"workers": 32, "engine": "openai-whisper"}, 1),
    ],
)
def test_a_request_leaves_a_worker_to_others_and_one_batch_behind_at_most(settings, windows: int) -> None:
    assert AsrSettings(**settings).layout.windows_per_request == windows


def test_an_engine_that_takes_one_window_at_a_time_is_given_one_with_all_cores() -> None:
    assert AsrSettings(engine="openai-whisper", workers=8).layout == Layout(1, available_cpus(requested=None), 1, 1)

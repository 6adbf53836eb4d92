import pytest

from speech_core.pipeline.plugins import UnknownPlugin, load


def test_a_plugin_is_found_by_its_entry_point() -> None:
    assert callable(load("console_scripts", "pytest"))


def test_an_unknown_name_says_what_is_installed() -> None:
    with pytest.raises(UnknownPlugin, match=r"no engine 'nobody'; installed: .*pytest"):
        load("console_scripts", "nobody")

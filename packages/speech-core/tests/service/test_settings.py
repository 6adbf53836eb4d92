from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from speech_core.service.settings import ServiceSettings, SettingsError, load


class ToySettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")

    port: int = 1234
    voice: str = "joe"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text("voice: amy\nport: 1\n", encoding="utf-8")
    monkeypatch.setenv("TOY_CONFIG", str(file))
    monkeypatch.setenv("TOY_PORT", "2")

    settings = load(ToySettings)

    assert (settings.voice, settings.port) == ("amy", 2)


def test_the_shared_settings_have_no_prefix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))

    settings = load(ToySettings)

    assert (settings.host, settings.models_dir) == ("0.0.0.0", tmp_path)


def test_an_empty_variable_leaves_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_PORT", "")

    assert load(ToySettings).port == 1234


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TOY_VIOCE", "amy", "unknown variable TOY_VIOCE; known: .*TOY_VOICE"),
        ("TOY_PORT", "many", r"port \(TOY_PORT\): .*integer.*'many'"),
        ("TOY_CONFIG", "/nowhere.yaml", "TOY_CONFIG names no file: /nowhere.yaml"),
    ],
)
def test_a_wrong_variable_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=message) as raised:
        load(ToySettings)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("vioce: amy", "unknown setting `vioce`"), ("voice: [", "cannot be read"), ("port: x", "port")],
)
def test_a_wrong_file_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("TOY_CONFIG", str(file))

    with pytest.raises(SettingsError, match=message) as raised:
        load(ToySettings)

    assert "\n" not in str(raised.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ToySettings().voice = "x"  # type: ignore[misc]

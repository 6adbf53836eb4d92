"""What `env.example` says of the defaults."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from speech_asr.settings import AsrSettings
from speech_core.service.settings import ServiceSettings
from speech_gateway.settings import GatewaySettings
from speech_tts.settings import TtsSettings

EXAMPLE = dotenv_values(Path(__file__).parents[2] / "env.example")
# Where a service listens, and where it finds its models, is the matter of who starts it.
PLACES = {"host", "port", "management_port", "models_dir"}


@pytest.mark.parametrize("settings", [AsrSettings, TtsSettings, GatewaySettings])
def test_what_stands_in_the_example_are_the_defaults(settings: type[ServiceSettings], monkeypatch) -> None:
    defaults = settings().model_dump(exclude=PLACES)
    said = {name for name in EXAMPLE if name.startswith(str(settings.model_config.get("env_prefix")))}
    for name in EXAMPLE:
        monkeypatch.setenv(name, EXAMPLE[name] or "")

    assert len(said) > 2
    assert settings().model_dump(exclude=PLACES) == defaults

"""The settings of `kubespeech up`: the process's environment over the `.env` file, checked by name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

SERVICES = ("asr", "tts", "gateway")

_SHARED = ("HOST", "LOG_LEVEL", "LOG_FORMAT", "MODELS_DIR")
_PREFIXES = ("GATEWAY_", "ASR_", "TTS_")
# The same file is read by Compose, and the names of OpenTelemetry are a standard's.
_OTHERS = ("COMPOSE_", "OTEL_")
DEFAULT_MODELS_DIR = "~/.cache/kubespeech/models"
_DEFAULT_PORTS = {"GATEWAY": 8000, "ASR": 8081, "TTS": 8082}
_DEFAULT_MANAGEMENT_PORTS = {"GATEWAY": 9000, "ASR": 9081, "TTS": 9082}
# Variables that `up` reads itself; each service refuses those of its prefix that it does not know.
_WITHOUT_WEIGHTS = ("fake", "espeak", "gtts")
_DEFAULTS = {
    "ASR_ENGINE": "faster-whisper",
    "ASR_MODEL": "whisper-base",
    "TTS_ENGINE": "piper",
    "TTS_VOICE": "en_US-joe-medium",
}


class EnvironmentFault(Exception):
    """A variable cannot be used; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """All variables for the services, and what `up` needs of them."""

    variables: Mapping[str, str]

    @property
    def host(self) -> str:
        return self.variables.get("HOST", "127.0.0.1")

    @property
    def reachable_host(self) -> str:
        """Where this machine reaches what listens on *host*."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def models_dir(self) -> Path:
        """Absolute; an empty `MODELS_DIR` says nothing, and is not the folder that one happens to stand in."""
        return Path(self.variables.get("MODELS_DIR") or DEFAULT_MODELS_DIR).expanduser().absolute()

    def port(self, service: str) -> int:
        return self._number(f"{service.upper()}_PORT", _DEFAULT_PORTS[service.upper()])

    def management_port(self, service: str) -> int:
        return self._number(f"{service.upper()}_MANAGEMENT_PORT", _DEFAULT_MANAGEMENT_PORTS[service.upper()])

    def models(self) -> list[str]:
        """What the chosen engines load; some have no weights."""
        wanted = {name: self.variables.get(name, default) for name, default in _DEFAULTS.items()}
        named = [("ASR_ENGINE", "ASR_MODEL"), ("TTS_ENGINE", "TTS_VOICE")]
        if "piper" in self.variables.get("TTS_OTHER_ENGINES", ""):
            wanted["TTS_ENGINE"] = "piper"
        return [wanted[model] for engine, model in named if wanted[engine] not in _WITHOUT_WEIGHTS]

    def _number(self, name: str, default: int) -> int:
        value = self.variables.get(name, str(default))
        if not value.isdigit() or not 0 < int(value) < 65_536:
            raise EnvironmentFault(f"{name} must be a port, not {value!r}")
        return int(value)


def read_environment(env_file: Path) -> Environment:
    """Raises `EnvironmentFault` for a name in the file that no service knows."""
    written = {name: value for name, value in dotenv_values(env_file).items() if value}
    for name in written:
        if name not in _SHARED and not name.startswith((*_PREFIXES, *_OTHERS)):
            raise EnvironmentFault(
                f"{env_file}: unknown variable {name}; "
                f"known: {', '.join(_SHARED)}, and {'* '.join((*_PREFIXES, *_OTHERS))}*"
            )
    return Environment({**written, **os.environ})  # noqa: TID251 - this is where the client reads it

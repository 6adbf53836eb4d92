"""What every service can be told: one frozen class, read from a YAML file and the environment."""

import os
import re
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

S = TypeVar("S", bound="ServiceSettings")

OtlpProtocol = Literal["grpc", "http/protobuf"]

_MODELS_DIR = Path("~/.cache/kubespeech/models")
_OTEL = (
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_TRACES_EXPORTER",
    "OTEL_SDK_DISABLED",
)

# Of the SDK, which puts a traceback into the log for what is no number, and goes on without it.
_OTEL_BSP = {
    "OTEL_BSP_MAX_QUEUE_SIZE": 2048,
    "OTEL_BSP_SCHEDULE_DELAY": 5000,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 512,
    "OTEL_BSP_EXPORT_TIMEOUT": 30_000,
}


class SettingsError(Exception):
    """The settings cannot be used; the message is one line that names the setting at fault."""


class ServiceSettings(BaseSettings):
    """
    Settings of any service; each service adds its own and an `env_prefix`.

    The environment wins over the YAML file that `<PREFIX>CONFIG` names. An unknown key of either is an error.
    """

    # An empty variable says nothing: `NAME=` in a file, and what a compose file hands on without having it.
    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_nested_delimiter="__", env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", validation_alias=AliasChoices("host"))
    port: int = Field(default=0, ge=0, le=65_535)
    management_port: int = Field(default=0, ge=0, le=65_535)
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias=AliasChoices("log_level")
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        validation_alias=AliasChoices("log_format"),
        description="auto is console on a terminal, else json",
    )
    cpu_request: int = Field(
        default=0,
        ge=0,
        validation_alias=AliasChoices("cpu_request"),
        description="whole cores that a pod has asked for, which nothing inside its container shows",
    )
    models_dir: Path = Field(default=_MODELS_DIR, validation_alias=AliasChoices("models_dir"), validate_default=True)
    seats: int = Field(default=8, ge=1, description="requests inside at the same time; one more is refused with 503")
    body_timeout_seconds: float = Field(
        default=30, gt=0, description="longest silence between two parts of a request's body"
    )
    stalled_seconds: float = Field(default=30, gt=0, description="how long a listener may stop reading")
    grace_seconds: float = Field(default=30, gt=0, description="how long a drain waits for what is in progress")

    @field_validator("models_dir", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: object) -> object:
        return value or _MODELS_DIR

    def model_post_init(self, context: Any) -> None:
        object.__setattr__(self, "models_dir", self.models_dir.expanduser())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get(f"{cls.model_config.get('env_prefix', '')}CONFIG")  # noqa: TID251 - the one place
        if path is None:
            return init_settings, env_settings
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=path)

    @classmethod
    def load(cls) -> Self:
        """Read file and environment; raises `SettingsError`."""
        _refuse_unknown_variables(cls)
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_first_line(error, cls.model_config.get("env_prefix", ""))) from None
        except (OSError, YAMLError) as error:
            raise SettingsError(f"the settings file cannot be read: {' '.join(str(error).split())}") from None


def load(kind: type[S]) -> S:
    """Read the settings of one service; raises `SettingsError`."""
    return kind.load()


def otlp_protocol() -> OtlpProtocol | None:
    """How traces are exported, by OpenTelemetry's own variables; None when they are not. Raises `SettingsError`."""
    given = {name: os.environ.get(name, "").strip() for name in _OTEL}  # noqa: TID251 - the one place
    off = given["OTEL_SDK_DISABLED"].lower() == "true" or given["OTEL_TRACES_EXPORTER"] not in ("", "otlp")
    where = next((name for name in _OTEL[:2] if given[name]), None)
    if off or where is None:
        return None
    if not re.match("https?://", given[where]):
        raise SettingsError(f"{where}: write http://HOST:PORT, got {given[where]!r}")
    protocol = given["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] or given["OTEL_EXPORTER_OTLP_PROTOCOL"] or "http/protobuf"
    if protocol not in ("grpc", "http/protobuf"):
        raise SettingsError(f"OTEL_EXPORTER_OTLP_PROTOCOL: grpc or http/protobuf, got {protocol!r}")
    return protocol


def span_batches() -> dict[str, int]:
    """How spans wait and leave, by OpenTelemetry's own variables (with its defaults). Raises `SettingsError`."""
    found: dict[str, int] = {}
    for name, default in _OTEL_BSP.items():
        given = os.environ.get(name, "").strip() or str(default)  # noqa: TID251 - the one place
        if not given.isdecimal() or int(given) == 0:
            raise SettingsError(f"{name}: a whole number above 0, got {given!r}")
        found[name] = int(given)
    return found


def _refuse_unknown_variables(kind: type[ServiceSettings]) -> None:
    """A misspelt variable is ignored by the settings library; here it is an error."""
    prefix = kind.model_config.get("env_prefix", "")
    if not prefix:
        return
    path = os.environ.get(f"{prefix}CONFIG")  # noqa: TID251 - the one place
    if path is not None and not Path(path).is_file():
        raise SettingsError(f"{prefix}CONFIG names no file: {path}")
    known = {f"{prefix}{name}".upper() for name in kind.model_fields} | {f"{prefix}CONFIG"}
    for name in os.environ:  # noqa: TID251 - the one place
        if name.startswith(prefix) and name.split("__")[0].upper() not in known:
            raise SettingsError(f"unknown variable {name}; known: {', '.join(sorted(known))}")


def _first_line(error: ValidationError, prefix: str) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting `{name}`"
    given = "" if "secret" in name else f", got {first['input']!r}"
    return f"{name} ({prefix}{name.upper()}): {first['msg']}{given}"

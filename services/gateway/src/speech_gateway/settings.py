"""What the gateway can be told."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from speech_core.service.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Read from `GATEWAY_*` and the file that `GATEWAY_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    port: int = 8000
    management_port: int = 9000
    seats: int = Field(default=256, ge=1)
    asr_url: str = Field(default="http://127.0.0.1:8081", pattern="^https?://")
    tts_url: str = Field(default="http://127.0.0.1:8082", pattern="^https?://")
    max_audio_bytes: int = Field(default=1 << 30, ge=1)
    max_sockets: int = Field(default=1_000, ge=1)
    resolve_seconds: float = Field(default=5, gt=0, description="how often the services' names are resolved again")
    connect_seconds: float = Field(default=5, gt=0)
    # Longer than the longest recognition that asr allows itself: the service's own deadline speaks first.
    answer_seconds: float = Field(default=36_000, gt=0)
    wyoming_port: int | None = Field(
        default=None, ge=0, le=65_535, description="where Home Assistant may connect; it asks for no key"
    )
    keys_file: Path | None = Field(default=None, description="YAML of names and HMACs; without it nobody is asked")
    key_secret: SecretStr | None = Field(default=None, description="the server key, under which the HMACs were made")
    keys_seconds: float = Field(default=2, gt=0, description="how often the file of keys is looked at")
    open_lists: bool = Field(default=False, description="whether models and voices are listed without a key")
    cors_origins: tuple[str, ...] = Field(default=(), description="pages that may call from a browser; * for any")

"""What the asr service can be told."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from speech_core.service.settings import ServiceSettings

_GIB = 1 << 30


class AsrSettings(ServiceSettings):
    """Read from `ASR_*` and the file that `ASR_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="ASR_")

    port: int = 8081
    management_port: int = 9081
    seats: int = Field(default=16, ge=1, description="requests inside, waiting ones included; one more is refused")
    engine: str = Field(default="faster-whisper", description="an installed engine, by name")
    model: str = Field(default="whisper-base", description="catalogue name or folder of the engine's model")
    device: str = "cpu"
    compute_type: str = Field(default="int8", description="int8 on a CPU, float16 on a GPU")
    beam_size: int = Field(default=5, ge=1)
    concurrency: int = Field(default=1, ge=1, description="windows in the engine at once; they share the cores")
    max_audio_bytes: int = Field(default=_GIB, ge=1)
    max_audio_seconds: float = Field(default=4 * 3600, gt=0)
    spool_bytes: int = Field(default=4 * _GIB, ge=1, description="all uploads on disk together")
    deadline_seconds: float = Field(default=120, gt=0, description="to which twice the audio's length is added")

"""What the tts service can be told."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from speech_core.contracts.speech import MAX_TEXT_CHARACTERS
from speech_core.service.settings import ServiceSettings


class TtsSettings(ServiceSettings):
    """Read from `TTS_*` and the file that `TTS_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="TTS_")

    port: int = 8082
    management_port: int = 9082
    engine: str = Field(default="piper", description="an installed engine, by name")
    voice: str = Field(default="en_US-joe-medium", description="catalogue name or folder of the engine's voice")
    max_text_characters: int = Field(default=MAX_TEXT_CHARACTERS, ge=1)
    synthesis_timeout_seconds: float = Field(default=600, gt=0)
    max_sockets: int = Field(default=200, ge=1)
    queued_utterances: int = Field(default=16, ge=1, description="utterances that may wait on one socket")
    stalled_seconds: float = Field(default=30, gt=0, description="how long a listener may stop reading")

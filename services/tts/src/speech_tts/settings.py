"""What the tts service can be told."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from speech_core.contracts.speech import MAX_TEXT_CHARACTERS
from speech_core.service.cpus import available_cpus
from speech_core.service.settings import ServiceSettings

# A first sentence is made faster by two cores, hardly by more; many listeners want them apart.
_THREADS = 2
_OPENAI_VOICES = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()


@dataclass(frozen=True, slots=True)
class Layout:
    """How the cores are divided among syntheses: workers x threads."""

    workers: int
    threads: int


class TtsSettings(ServiceSettings):
    """Read from `TTS_*` and the file that `TTS_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="TTS_")

    port: int = 8082
    management_port: int = 9082
    engine: str = Field(default="piper", description="an installed engine, by name; its first voice is the default")
    other_engines: tuple[str, ...] = Field(
        default=("espeak",), description="also loaded: for voices and languages that those before it do not have"
    )
    voice: str = Field(default="en_US-joe-medium", description="Piper's default: catalogue name or folder")
    voice_aliases: Mapping[str, str] = Field(
        default=dict.fromkeys(_OPENAI_VOICES, ""),
        description="other names of voices; an empty one leaves the choice to the language, or is the default voice",
    )
    model_aliases: tuple[str, ...] = Field(
        default=("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
        description="names by which OpenAI's clients ask for a model; each leaves the choice to the voice",
    )
    loaded_voices: int = Field(default=4, ge=1, description="Piper's models in memory; the last used ones are kept")
    threads: int | None = Field(
        default=None, ge=1, description="cores of one Piper synthesis; as many run at once as there are cores for"
    )
    sentence_pause_seconds: float = Field(
        default=0.3, ge=0, le=5, description="between sentences; less after a clause, more before a paragraph"
    )
    gtts_tld: str = Field(default="com", pattern=r"^[a-z.]{2,12}$", description="Google's site for plain languages")
    gtts_timeout_seconds: float = Field(default=10, gt=0, description="for Google to connect, and between its bytes")
    gtts_attempts: int = Field(default=3, ge=1)
    max_text_characters: int = Field(default=MAX_TEXT_CHARACTERS, ge=1)
    synthesis_timeout_seconds: float = Field(
        default=120, gt=0, description="for one phrase; after it /livez asks for a new process"
    )
    max_sockets: int = Field(default=200, ge=1)
    queued_utterances: int = Field(default=16, ge=1, le=32, description="utterances that may wait on one socket")
    silent_writer_seconds: float = Field(
        default=60, gt=0, description="how long an utterance that is being written may wait for its next words"
    )

    @property
    def layout(self) -> Layout:
        """The division in force; what is not set follows from the cores that this process may use."""
        cores = available_cpus(requested=self.cpu_request)
        threads = min(cores, self.threads or _THREADS)
        return Layout(cores // threads, threads)

"""What the asr service can be told."""

from dataclasses import dataclass
from pathlib import PurePath

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from speech_core.service.cpus import available_cpus
from speech_core.service.settings import ServiceSettings

_GIB = 1 << 30
# Where the throughput of a GPU bends, and that of a CPU, of which a request waits for all of its batch.
_BATCH_ON_A_GPU, _BATCH_ON_A_CPU = 16, 4
# Takes one window at a time, with all cores: what else was in a call, or in a call beside it, would only wait there.
_ONE_WINDOW_AT_A_TIME = "openai-whisper"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the engine is divided: workers x threads are the cores; a GPU has one worker."""

    workers: int
    threads: int
    batch_size: int
    windows_per_request: int


class AsrSettings(ServiceSettings):
    """Read from `ASR_*` and the file that `ASR_CONFIG` names."""

    model_config = SettingsConfigDict(env_prefix="ASR_")

    port: int = 8081
    management_port: int = 9081
    seats: int = Field(default=128, ge=1, description="requests inside, waiting ones included; one more is refused")
    engine: str = Field(default="faster-whisper", description="an installed engine, by name")
    model: str = Field(default="whisper-base", description="catalogue name or folder of the engine's model")
    model_aliases: tuple[str, ...] = Field(
        default=("whisper-1", "gpt-4o-*transcribe*", "gpt-transcribe"),
        description="names (with * for anything) by which OpenAI's clients ask for the model",
    )
    device: str = "cpu"
    compute_type: str = Field(default="int8", description="int8 on a CPU, float16 on a GPU")
    beam_size: int = Field(default=5, ge=1)
    workers: int | None = Field(default=None, ge=1, description="batches in the engine at once: one a core, or one GPU")
    batch_size: int | None = Field(default=None, ge=1, description="windows in a batch at most")
    windows_per_request: int | None = Field(
        default=None,
        ge=1,
        description="windows of one request in the engine at once: below `workers`, it leaves one free; up to"
        " `batch_size`, one batch at most is computed for who has left",
    )
    shortest_window_seconds: float = Field(
        default=10,
        ge=10,
        le=30,
        multiple_of=10,
        description="short speech is padded to this, not to 30 s, in steps of 10 s",
    )
    engine_seconds: float = Field(
        default=120,
        gt=0,
        description="a batch longer than this in the engine fails, and /livez asks for a new process while it is there",
    )
    max_audio_bytes: int = Field(default=_GIB, ge=1)
    max_audio_seconds: float = Field(default=4 * 3600, gt=0)
    queue_audio_seconds: float = Field(
        default=8 * 3600, gt=0, description="audio that waits or is recognized; above it, what comes is refused"
    )
    spool_bytes: int = Field(default=4 * _GIB, ge=1, description="all uploads on disk together")
    deadline_seconds: float = Field(default=120, gt=0, description="to which twice the audio's length is added")

    @property
    def model_name(self) -> str:
        """What the model is called; of a folder, its own name."""
        return PurePath(self.model).name

    @property
    def layout(self) -> Layout:
        """The division in force: what is not set follows from the cores that this process may use."""
        cores, on_cpu = available_cpus(requested=self.cpu_request), self.device == "cpu"
        if self.engine == _ONE_WINDOW_AT_A_TIME:
            return Layout(workers=1, threads=cores, batch_size=1, windows_per_request=1)
        workers = self.workers or (cores if on_cpu else 1)
        batch_size = self.batch_size or (_BATCH_ON_A_CPU if on_cpu else _BATCH_ON_A_GPU)
        fair_share = min(workers - 1, batch_size) if workers > 1 else batch_size // 2
        return Layout(workers, max(1, cores // workers), batch_size, self.windows_per_request or max(1, fair_share))

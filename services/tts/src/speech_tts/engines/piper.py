"""Piper: neural voices on the CPU, by ONNX Runtime. piper-tts is GPL-3.0 and an extra of its own."""

# onnxruntime ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import json
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from speech_core.audio import AudioFormat, Pcm
from speech_core.models import ModelError
from speech_core.models.store import Store
from speech_tts.engines import Lanes, Voice, language_tag
from speech_tts.settings import TtsSettings

_WARM_UP = "One, two, three."


class PiperEngine:
    """
    The voices of the store, the one of the settings first; a folder holds `NAME.onnx` and `NAME.onnx.json`.

    A model of several speakers is several voices, `NAME:speaker`. Of the models, those used last are held in memory.
    """

    def __init__(self, settings: TtsSettings) -> None:
        store = Store(settings.models_dir)
        folders = [store.find(settings.voice), *(store.root / name for name in store.placed())]
        found = [speaker for folder in dict.fromkeys(folders) for speaker in _speakers(folder)]
        if not found:
            raise ModelError(f"{settings.voice} is no Piper voice: there is no NAME.onnx in its folder")
        self._speakers = {speaker.voice.name: speaker for speaker in found}
        self.voices: Mapping[str, Voice] = {name: speaker.voice for name, speaker in self._speakers.items()}
        layout = settings.layout
        self.lanes = Lanes(layout.workers)
        self._models = _Models(most=settings.loaded_voices, threads=layout.threads)
        for _ in self.synthesize(_WARM_UP, voice=found[0].voice, speed=1.0):
            pass

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]:
        speaker = self._speakers[voice.name]
        piper = self._models.get(speaker.model)
        config = SynthesisConfig(speaker_id=speaker.number, length_scale=(piper.config.length_scale or 1.0) / speed)
        for phonemes in piper.phonemize(text):
            if phonemes:
                yield Pcm(_as_int16(piper.phoneme_ids_to_audio(piper.phonemes_to_ids(phonemes), config)), voice.format)

    def close(self) -> None:
        """The sessions go with the object."""


@dataclass(frozen=True, slots=True)
class _Speaker:
    """One voice of a model; *number* is which, where there are several."""

    voice: Voice
    model: Path
    number: int | None = None


def _speakers(folder: Path) -> Iterator[_Speaker]:
    for model in sorted(folder.glob("*.onnx")):
        config, name = _config(model), model.name.removesuffix(".onnx")
        language, sound = language_tag(config.espeak_voice.replace("_", "-")), AudioFormat(config.sample_rate)
        yield _Speaker(Voice("piper", name, language, sound), model)
        if config.num_speakers > 1:
            for speaker, number in config.speaker_id_map.items():
                yield _Speaker(Voice("piper", f"{name}:{speaker}", language, sound), model, number)


def _config(model: Path) -> PiperConfig:
    try:
        return PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError) as error:
        raise ModelError(f"{model}.json is no description of a Piper voice: {error}") from error


@dataclass(slots=True)
class _Slot:
    lock: Lock = field(default_factory=Lock)
    piper: PiperVoice | None = None


class _Models:
    """At most *most* models in memory, each with *threads*; one that is being loaded holds up nobody else."""

    def __init__(self, *, most: int, threads: int) -> None:
        self._most = most
        self._threads = threads
        self._lock = Lock()
        self._slots: OrderedDict[Path, _Slot] = OrderedDict()

    def get(self, model: Path) -> PiperVoice:
        with self._lock:
            slot = self._slots.setdefault(model, _Slot())
            self._slots.move_to_end(model)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.piper is None:
                slot.piper = _load(model, self._threads)
            return slot.piper


def _load(model: Path, threads: int) -> PiperVoice:
    """ONNX Runtime takes every core of the machine for every call unless it is told how many there are for it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would take the cores from the sentence next door.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return PiperVoice(config=_config(model), session=session)


def _as_int16(audio: object) -> bytes:
    samples = np.asarray(audio, dtype=np.float32).reshape(-1)
    return (np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes()

"""Piper: a neural voice on the CPU, by ONNX Runtime. piper-tts is GPL-3.0 and an extra of its own."""

# onnxruntime ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import json
from collections.abc import Generator, Mapping
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from speech_core.audio import AudioFormat, Pcm
from speech_core.models.store import Store
from speech_core.service.cpus import available_cpus
from speech_tts.engines import Voice
from speech_tts.settings import TtsSettings

_WARM_UP = "One, two, three."


class PiperEngine:
    """One voice from the store; a voice's folder holds `NAME.onnx` and `NAME.onnx.json`."""

    name = "piper"

    def __init__(self, settings: TtsSettings) -> None:
        folder = Store(settings.models_dir).find(settings.voice)
        model = next(folder.glob("*.onnx"))
        self._piper = _load(model)
        # espeak-ng turns text into phonemes with one global state.
        self._phonemizer = Lock()
        language = self._piper.config.espeak_voice.replace("_", "-")
        sound = AudioFormat(self._piper.config.sample_rate)
        name = model.name.removesuffix(".onnx")
        self.voices: Mapping[str, Voice] = {name: Voice(name, language, sound)}
        for _ in self.synthesize(_WARM_UP, voice=name, speed=1.0):
            pass

    def synthesize(self, text: str, *, voice: str, speed: float) -> Generator[Pcm]:
        length_scale = (self._piper.config.length_scale or 1.0) / speed
        config, sound = SynthesisConfig(length_scale=length_scale), self.voices[voice].format
        with self._phonemizer:
            sentences = self._piper.phonemize(text)
        for phonemes in sentences:
            if not phonemes:
                continue
            audio = self._piper.phoneme_ids_to_audio(self._piper.phonemes_to_ids(phonemes), config)
            yield Pcm(_as_int16(audio), sound)

    def close(self) -> None:
        """The session goes with the object."""


def _load(model: Path) -> PiperVoice:
    config = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    return PiperVoice(
        config=PiperConfig.from_dict(config),
        session=onnxruntime.InferenceSession(str(model), _session_options(), providers=["CPUExecutionProvider"]),
    )


def _session_options() -> onnxruntime.SessionOptions:
    """ONNX Runtime takes every core of the machine for every call unless it is told how many there are for it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cpus()
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would take the cores from the sentence next door.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _as_int16(audio: object) -> bytes:
    samples = np.asarray(audio, dtype=np.float32).reshape(-1)
    return (np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes()

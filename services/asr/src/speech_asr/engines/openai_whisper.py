"""Whisper by its authors' own package, openai-whisper: the reference, a window at a time."""

# openai-whisper ships no types, and PyTorch is too large for the environment that the types are checked in.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportPrivateUsage=false

import base64
import gzip
import json
import pickle
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
import whisper
from whisper.timing import dtw_cpu
from whisper.tokenizer import LANGUAGES

from speech_asr.engines import Task
from speech_asr.engines.attempt import BEST_OF, TEMPERATURES
from speech_asr.engines.ct2_weights import read_weights
from speech_asr.segments import Decoded, Recognized, Segment, Word
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples, Spans
from speech_core.models import ModelError
from speech_core.models.store import Store

# Before the prompt, and after it: language, task, start.
_CONTROL_TOKENS = 4


@dataclass(frozen=True, slots=True, eq=False)
class WholeWindow:
    """A window and what is asked of it; its *key* is like no other, for the package takes one window at a time."""

    samples: Samples
    task: Task
    until_seconds: float
    key: Hashable = field(default_factory=object)


class OpenAiWhisperEngine:
    """
    One model from the store, and one window in it at a time.

    The package is not made for threads: decoding hangs its cache on the model's own layers, words switch the kind of
    attention for all models of the process, and numba's simplest thread pool ends a process that enters it twice. So
    calls take turns, and each has all threads.
    """

    def __init__(self, settings: AsrSettings) -> None:
        torch.set_num_threads(settings.layout.threads)
        self._beam_size = settings.beam_size
        self._on_gpu = settings.device != "cpu"
        self._turn = Lock()
        self._model = _load(Store(settings.models_dir).find(settings.model)).to(settings.device)
        self._warm_up()

    @property
    def _most_tokens(self) -> int:
        """Of an answer: half of the context, and what the longest prompt and its control tokens leave of it."""
        return self._model.dims.n_text_ctx // 2 - _CONTROL_TOKENS + 1

    @property
    def languages(self) -> frozenset[str]:
        if not self._model.is_multilingual:
            return frozenset({"en"})
        return frozenset(list(LANGUAGES)[: self._model.num_languages])

    def _warm_up(self) -> None:
        """One short inference and one alignment, which is compiled on first use: no caller pays for them."""
        self.decode([self.prepare(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32), Task("en"))])
        dtw_cpu(np.zeros((1, 1)))

    def prepare(self, samples: Samples, task: Task, *, speech: Spans | None = None) -> WholeWindow:
        # Asked for a frame after the last whole one, the package would decode nothing, again and again without end.
        whole_samples = len(samples) // whisper.audio.HOP_LENGTH * whisper.audio.HOP_LENGTH
        until_sample = whole_samples if speech is None else min(whole_samples, speech[-1][1] if speech else 0)
        return WholeWindow(samples, task, until_sample / SAMPLE_RATE_HZ)

    def decode(self, batch: Sequence[WholeWindow]) -> Sequence[Recognized]:
        with self._turn:
            return [self._recognized(window) for window in batch]

    def close(self) -> None:
        with self._turn:
            self._model.to("meta")  # which has no memory

    def _recognized(self, window: WholeWindow) -> Recognized:
        task = window.task
        language = task.language or self._likeliest(window)
        told = whisper.transcribe(
            self._model,
            window.samples,
            verbose=None,
            temperature=task.temperature or TEMPERATURES,
            initial_prompt=task.prompt,
            word_timestamps=task.words,
            task="translate" if task.translate else "transcribe",
            language=language if self._model.is_multilingual else "en",
            beam_size=self._beam_size,
            best_of=BEST_OF,
            clip_timestamps=[0.0, window.until_seconds],
            fp16=self._on_gpu,
        )
        # The package leaves a segment without length in its answer, and takes its text.
        spoken = tuple(_segment(part) for part in told["segments"] if part["text"].strip())
        return Recognized(told["language"], spoken, is_cut(told["segments"], self._most_tokens))

    def _likeliest(self, window: WholeWindow) -> str | None:
        """Of the languages that it can be; None where it can be any, which the package detects by itself."""
        if not window.task.among:
            return None
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(window.samples), self._model.dims.n_mels)
        _, probabilities = self._model.detect_language(mel.to(self._model.device))
        return max(window.task.among, key=lambda code: probabilities[code])


def is_cut(parts: Sequence[dict[str, Any]], most_tokens: int) -> bool:
    """Whether one of the answers that *parts* are made of ran into the package's bound, as in a loop."""
    counted = Counter[int]()
    for part in parts:
        counted[part["seek"]] += len(part["tokens"])
    return any(count >= most_tokens for count in counted.values())


def _segment(part: dict[str, Any]) -> Segment:
    words = None
    if "words" in part:
        words = tuple(
            Word(float(word["start"]), float(word["end"]), word["word"].strip(), float(word["probability"]))
            for word in part["words"]
        )
    decoded = Decoded(
        part["seek"],
        tuple(part["tokens"]),
        float(part["temperature"]),
        float(part["avg_logprob"]),
        float(part["compression_ratio"]),
        float(part["no_speech_prob"]),
    )
    return Segment(float(part["start"]), float(part["end"]), part["text"].strip(), words, decoded)


def _load(folder: Path) -> Any:
    """The model of a folder with OpenAI's own `*.pt`, or with the `model.bin` of CTranslate2."""
    checkpoints = sorted(folder.glob("*.pt"))
    if checkpoints:
        return _own(checkpoints[0])
    if (folder / "model.bin").is_file():
        return _converted(folder)
    raise ModelError(f"{folder} holds neither a *.pt of openai-whisper nor a model.bin of CTranslate2")


def _own(path: Path) -> Any:
    try:
        model = whisper.load_model(str(path), device="cpu")
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(f"{path} cannot be read as a model of openai-whisper: {reason}") from None
    # The package knows them by the names of its models; for others, all heads of the upper layers are what it takes.
    if heads := whisper._ALIGNMENT_HEADS.get(path.stem):
        model.set_alignment_heads(heads)
    return model


def _converted(folder: Path) -> Any:
    weights = read_weights(folder / "model.bin")
    model = whisper.model.Whisper(whisper.ModelDimensions(**weights.dimensions))
    try:
        model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()})
    except RuntimeError as error:
        raise ModelError(f"{folder} does not fit openai-whisper: {' '.join(str(error).split())}") from None
    if heads := _alignment_heads(folder / "config.json", model.dims):
        model.set_alignment_heads(heads)
    return model


def _alignment_heads(config: Path, dimensions: Any) -> bytes:
    """The heads that follow the audio, as the package writes them for its own models; nothing without the file."""
    chosen = np.zeros((dimensions.n_text_layer, dimensions.n_text_head), dtype=bool)
    try:
        for layer, head in json.loads(config.read_text(encoding="utf-8"))["alignment_heads"]:
            chosen[layer, head] = True
    except FileNotFoundError:
        return b""
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{config} tells no alignment_heads of this model: {error}") from None
    return base64.b85encode(gzip.compress(chosen.tobytes()))

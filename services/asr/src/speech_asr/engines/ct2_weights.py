"""The weights in CTranslate2's `model.bin` under the names of openai-whisper: the same numbers, bit for bit."""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from speech_core.models import ModelError

Tensor = NDArray[Any]

_BINARY_VERSION, _SPEC, _REVISION = 6, "WhisperSpec", 3
# By their number in the file.
_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
_EXACT_TYPES = ("float32", "float16")
# Of every Whisper; a file that says otherwise is believed.
_HEAD_WIDTH = 64

# CTranslate2 stacks the matrices that are applied to the same input; the reference keeps them apart.
_ENCODER_LINEARS = {
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
_DECODER_LINEARS = {
    **_ENCODER_LINEARS,
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
}
_ENCODER_NORMS = {"self_attention/layer_norm": "attn_ln", "ffn/layer_norm": "mlp_ln"}
_DECODER_NORMS = {**_ENCODER_NORMS, "attention/layer_norm": "cross_attn_ln"}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The fields of openai-whisper's `ModelDimensions`, and the tensors of its `state_dict`."""

    dimensions: dict[str, int]
    tensors: dict[str, Tensor]


def read_weights(path: Path) -> Weights:
    """Raises `ModelError` for what is no Whisper of CTranslate2, and for weights that are quantized."""
    try:
        with path.open("rb") as file:
            tensors = _read_tensors(file)
        return _Conversion(tensors).converted()
    except (OSError, EOFError, struct.error, ValueError, TypeError, IndexError) as error:  # of another shape, too
        raise ModelError(f"{path} cannot be read as a model of CTranslate2: {error}") from None
    except ModelError as error:
        raise ModelError(f"{path} cannot be converted for openai-whisper: {error}") from None


def _read_tensors(file: BinaryIO) -> dict[str, Tensor]:
    (version,) = _numbers(file, "I")
    if version != _BINARY_VERSION:
        raise ModelError(f"version {version} of the binary format is not known")
    spec = _text(file)
    (revision,) = _numbers(file, "I")
    if (spec, revision) != (_SPEC, _REVISION):
        raise ModelError(f"it is a {spec} of revision {revision}, not a {_SPEC} of revision {_REVISION}")
    (count,) = _numbers(file, "I")
    tensors = dict(_tensor(file) for _ in range(count))
    (count,) = _numbers(file, "I")
    # What occurs twice is written once.
    for _ in range(count):
        alias, name = _text(file), _text(file)
        if name not in tensors:
            raise ModelError(f"{alias} stands for {name}, which is missing")
        tensors[alias] = tensors[name]
    return tensors


def _tensor(file: BinaryIO) -> tuple[str, Tensor]:
    name = _text(file)
    (rank,) = _numbers(file, "B")
    shape = _numbers(file, f"{rank}I")
    number, size_bytes = _numbers(file, "BI")
    kind = _TYPES[number] if number < len(_TYPES) else f"type {number}"
    if kind not in _EXACT_TYPES and (shape or not kind.startswith("int")):  # single numbers are settings
        raise ModelError(f"{name} is {kind}; only {' and '.join(_EXACT_TYPES)} are exact")
    dtype = np.dtype(kind)
    if size_bytes != math.prod(shape) * dtype.itemsize:
        raise ModelError(f"{name} has {size_bytes} bytes, which do not fit its shape")
    values = np.fromfile(file, dtype, math.prod(shape))
    if values.nbytes != size_bytes:
        raise EOFError(f"it ends within {name}")
    return name, values.reshape(shape)


def _text(file: BinaryIO) -> str:
    """A length, and that many bytes with a zero at the end."""
    (length,) = _numbers(file, "H")
    return file.read(length).rstrip(b"\0").decode()


def _numbers(file: BinaryIO, layout: str) -> tuple[int, ...]:
    little_endian = f"<{layout}"
    return struct.unpack(little_endian, file.read(struct.calcsize(little_endian)))


class _Conversion:
    """Takes every tensor out of the file's own exactly once, so that none is missing and none is left."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self._left = tensors
        self._found: dict[str, Tensor] = {}

    def converted(self) -> Weights:
        self._linear("encoder/conv1", ("encoder.conv1",))
        self._linear("encoder/conv2", ("encoder.conv2",))
        self._norm("encoder/layer_norm", "encoder.ln_post")
        self._norm("decoder/layer_norm", "decoder.ln")
        self._keep("encoder/position_encodings/encodings", "encoder.positional_embedding")
        self._keep("decoder/position_encodings/encodings", "decoder.positional_embedding")
        self._vocabulary()
        encoder_layers = self._layers("encoder", _ENCODER_LINEARS, _ENCODER_NORMS)
        decoder_layers = self._layers("decoder", _DECODER_LINEARS, _DECODER_NORMS)
        dimensions = self._dimensions(encoder_layers, decoder_layers)
        if unknown := sorted(name for name, values in self._left.items() if values.shape):
            raise ModelError(f"{unknown[0]} is not known")
        return Weights(dimensions, self._found)

    def _dimensions(self, encoder_layers: int, decoder_layers: int) -> dict[str, int]:
        audio_context, audio_width = self._found["encoder.positional_embedding"].shape
        text_context, text_width = self._found["decoder.positional_embedding"].shape
        return {
            "n_mels": self._found["encoder.conv1.weight"].shape[1],
            "n_audio_ctx": audio_context,
            "n_audio_state": audio_width,
            "n_audio_head": self._heads("encoder", audio_width),
            "n_audio_layer": encoder_layers,
            "n_vocab": self._found["decoder.token_embedding.weight"].shape[0],
            "n_text_ctx": text_context,
            "n_text_state": text_width,
            "n_text_head": self._heads("decoder", text_width),
            "n_text_layer": decoder_layers,
        }

    def _heads(self, side: str, width: int) -> int:
        told = self._left.get(f"{side}/num_heads")
        return width // _HEAD_WIDTH if told is None else int(told)

    def _layers(self, side: str, linears: dict[str, tuple[str, ...]], norms: dict[str, str]) -> int:
        numbers = {int(found[1]) for name in self._left if (found := re.match(rf"{side}/layer_(\d+)/", name))}
        for number in range(len(numbers)):
            source, target = f"{side}/layer_{number}", f"{side}.blocks.{number}"
            for name, parts in linears.items():
                self._linear(f"{source}/{name}", [f"{target}.{part}" for part in parts])
            for name, part in norms.items():
                self._norm(f"{source}/{name}", f"{target}.{part}")
        return len(numbers)

    def _linear(self, source: str, targets: tuple[str, ...] | list[str]) -> None:
        weight, bias = self._take(f"{source}/weight"), self._take(f"{source}/bias")
        if len(weight) != len(bias) or len(weight) % len(targets):
            raise ModelError(f"{source} has an odd shape, {weight.shape}")
        rows = zip(targets, np.split(weight, len(targets)), np.split(bias, len(targets)), strict=True)
        for target, part, part_bias in rows:
            self._found[f"{target}.weight"] = part
            if not target.endswith(".key"):
                self._found[f"{target}.bias"] = part_bias
            elif part_bias.any():  # the reference has none
                raise ModelError(f"{source} has a bias on the keys")

    def _norm(self, source: str, target: str) -> None:
        self._keep(f"{source}/gamma", f"{target}.weight")
        self._keep(f"{source}/beta", f"{target}.bias")

    def _vocabulary(self) -> None:
        """One matrix in the reference, at the entry and at the exit of the decoder."""
        self._keep("decoder/embeddings/weight", "decoder.token_embedding.weight")
        if not np.array_equal(self._take("decoder/projection/weight"), self._found["decoder.token_embedding.weight"]):
            raise ModelError("its projection is not its embedding")

    def _keep(self, source: str, target: str) -> None:
        self._found[target] = self._take(source)

    def _take(self, name: str) -> Tensor:
        if name not in self._left:
            raise ModelError(f"{name} is missing")
        return self._left.pop(name)

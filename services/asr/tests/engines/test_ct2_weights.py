"""The converter, on small models written as CTranslate2 writes them."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import index_spec

from speech_asr.engines.ct2_weights import read_weights
from speech_core.models import ModelError

WIDTH, MELS, VOCABULARY, AUDIO_CONTEXT, TEXT_CONTEXT = 128, 80, 60, 10, 8
ENCODER_LAYERS, DECODER_LAYERS = 1, 2
NUMBERS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
PROJECTION = {"decoder/projection/weight": "decoder/embeddings/weight"}

Tensors = dict[str, np.ndarray]


def linear(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}/weight": (rows, columns), f"{name}/bias": (rows,)}


def norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}/gamma": (WIDTH,), f"{name}/beta": (WIDTH,)}


def attention(name: str, *stacked: int) -> dict[str, tuple[int, ...]]:
    parts = [linear(f"{name}/linear_{index}", count * WIDTH, WIDTH) for index, count in enumerate(stacked)]
    return {key: shape for part in parts for key, shape in part.items()} | norm(f"{name}/layer_norm")


def layer(name: str) -> dict[str, tuple[int, ...]]:
    ffn = linear(f"{name}/ffn/linear_0", 4 * WIDTH, WIDTH) | linear(f"{name}/ffn/linear_1", WIDTH, 4 * WIDTH)
    return attention(f"{name}/self_attention", 3, 1) | ffn | norm(f"{name}/ffn/layer_norm")


def shapes() -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {
        "encoder/conv1/weight": (WIDTH, MELS, 3),
        "encoder/conv1/bias": (WIDTH,),
        "encoder/conv2/weight": (WIDTH, WIDTH, 3),
        "encoder/conv2/bias": (WIDTH,),
        "encoder/position_encodings/encodings": (AUDIO_CONTEXT, WIDTH),
        "decoder/position_encodings/encodings": (TEXT_CONTEXT, WIDTH),
        "decoder/embeddings/weight": (VOCABULARY, WIDTH),
        **norm("encoder/layer_norm"),
        **norm("decoder/layer_norm"),
    }
    for index in range(ENCODER_LAYERS):
        found |= layer(f"encoder/layer_{index}")
    for index in range(DECODER_LAYERS):
        found |= layer(f"decoder/layer_{index}") | attention(f"decoder/layer_{index}/attention", 1, 2, 1)
    return found


def keys_of(name: str) -> slice | None:
    """Where the keys stand in a stacked bias, which the reference has none for."""
    if name.endswith("self_attention/linear_0/bias"):
        return slice(WIDTH, 2 * WIDTH)
    return slice(0, WIDTH) if name.endswith("/attention/linear_1/bias") else None


@pytest.fixture
def tensors() -> Tensors:
    random = np.random.default_rng(7)
    found = {name: random.normal(size=shape).astype(np.float16) for name, shape in shapes().items()}
    for name, values in found.items():
        if keys := keys_of(name):
            values[keys] = 0
    return found


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(
        tensors: Tensors,
        *,
        aliases: Mapping[str, str] = PROJECTION,
        version: int = 6,
        spec: str = "WhisperSpec",
        revision: int = 3,
    ) -> Path:
        path = tmp_path / "model.bin"
        parts = [struct.pack("<I", version), text(spec), struct.pack("<II", revision, len(tensors))]
        for name, values in sorted(tensors.items()):
            shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
            parts += [text(name), shape, struct.pack("<BI", NUMBERS[str(values.dtype)], values.nbytes)]
            parts.append(values.tobytes())
        parts.append(struct.pack("<I", len(aliases)))
        parts += [text(name) for pair in aliases.items() for name in pair]
        path.write_bytes(b"".join(parts))
        return path

    return written


def text(name: str) -> bytes:
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def test_dimensions_follow_from_the_tensors(tensors: Tensors, write: Callable[..., Path]) -> None:
    assert read_weights(write(tensors)).dimensions == {
        "n_mels": MELS,
        "n_audio_ctx": AUDIO_CONTEXT,
        "n_audio_state": WIDTH,
        "n_audio_head": WIDTH // 64,
        "n_audio_layer": ENCODER_LAYERS,
        "n_vocab": VOCABULARY,
        "n_text_ctx": TEXT_CONTEXT,
        "n_text_state": WIDTH,
        "n_text_head": WIDTH // 64,
        "n_text_layer": DECODER_LAYERS,
    }


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_every_number_is_kept_as_it_is(tensors: Tensors, write: Callable[..., Path], dtype: str) -> None:
    tensors = {name: values.astype(dtype) for name, values in tensors.items()}

    found = read_weights(write(tensors)).tensors

    stacked = tensors["decoder/layer_1/self_attention/linear_0/weight"]
    parts = [found[f"decoder.blocks.1.attn.{part}.weight"] for part in ("query", "key", "value")]
    assert np.array_equal(np.concatenate(parts), stacked)
    crossed = [found[f"decoder.blocks.0.cross_attn.{part}.weight"] for part in ("key", "value")]
    assert np.array_equal(np.concatenate(crossed), tensors["decoder/layer_0/attention/linear_1/weight"])
    assert np.array_equal(found["decoder.token_embedding.weight"], tensors["decoder/embeddings/weight"])
    assert {values.dtype for values in found.values()} == {np.dtype(dtype)}
    zeros = sum(WIDTH for name in tensors if keys_of(name))
    assert sum(values.size for values in found.values()) == sum(values.size for values in tensors.values()) - zeros


def test_a_file_that_tells_its_heads_is_believed(tensors: Tensors, write: Callable[..., Path]) -> None:
    path = write({**tensors, "encoder/num_heads": np.int16(4), "decoder/pre_norm": np.int8(1)})

    assert read_weights(path).dimensions["n_audio_head"] == 4


def test_what_ctranslate2_itself_writes_is_read(tensors: Tensors, tmp_path: Path) -> None:
    spec = WhisperSpec(ENCODER_LAYERS, WIDTH // 64, DECODER_LAYERS, WIDTH // 64)
    tensors["decoder/projection/weight"] = tensors["decoder/embeddings/weight"]
    # It writes equal tensors once.
    tensors["decoder/layer_1/ffn/layer_norm/beta"] = tensors["decoder/layer_0/ffn/layer_norm/beta"]
    for name, values in tensors.items():
        scope, _, last = name.rpartition("/")
        setattr(index_spec(spec, scope), last, values)
    spec.register_vocabulary([str(number) for number in range(VOCABULARY)])
    spec.validate()
    spec.optimize()
    spec.save(str(tmp_path))

    found = read_weights(tmp_path / "model.bin")

    assert (found.dimensions["n_text_layer"], found.dimensions["n_text_head"]) == (DECODER_LAYERS, WIDTH // 64)
    for number in range(DECODER_LAYERS):
        assert np.array_equal(
            found.tensors[f"decoder.blocks.{number}.mlp_ln.bias"], tensors["decoder/layer_0/ffn/layer_norm/beta"]
        )
    assert np.array_equal(found.tensors["encoder.conv2.weight"], tensors["encoder/conv2/weight"])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": 5}, "version 5"),
        ({"spec": "TransformerSpec"}, "TransformerSpec"),
        ({"revision": 4}, "revision 4"),
        ({"aliases": {}}, "decoder/projection/weight is missing"),
        ({"aliases": {"decoder/projection/weight": "encoder/conv1/weight"}}, "projection"),
        ({"aliases": {"decoder/projection/weight": "nothing"}}, "nothing, which is missing"),
    ],
)
def test_another_kind_of_file_is_refused(
    tensors: Tensors, write: Callable[..., Path], changed: dict[str, object], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        read_weights(write(tensors, **changed))


def quantized(tensors: Tensors) -> None:
    tensors["encoder/layer_0/ffn/linear_0/weight"] = np.ones((4 * WIDTH, WIDTH), dtype=np.int8)


def with_biased_keys(tensors: Tensors) -> None:
    tensors["encoder/layer_0/self_attention/linear_0/bias"][WIDTH] = 1


def without_a_tensor(tensors: Tensors) -> None:
    del tensors["decoder/layer_1/ffn/linear_1/bias"]


def with_a_tensor_too_many(tensors: Tensors) -> None:
    tensors["encoder/adapter/weight"] = np.ones(3, dtype=np.float16)


def of_an_odd_shape(tensors: Tensors) -> None:
    tensors["decoder/layer_0/attention/linear_1/weight"] = np.ones((2 * WIDTH + 1, WIDTH), dtype=np.float16)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (quantized, "linear_0/weight is int8; only float32 and float16 are exact"),
        (with_biased_keys, "bias on the keys"),
        (without_a_tensor, "decoder/layer_1/ffn/linear_1/bias is missing"),
        (with_a_tensor_too_many, "encoder/adapter/weight is not known"),
        (of_an_odd_shape, "odd shape"),
    ],
)
def test_weights_that_the_reference_cannot_have_are_refused(
    tensors: Tensors, write: Callable[..., Path], change: Callable[[Tensors], None], reason: str
) -> None:
    change(tensors)

    with pytest.raises(ModelError, match=reason):
        read_weights(write(tensors))


@pytest.mark.parametrize("size_bytes", [0, 3, 20, 500, 100_000])
def test_a_file_that_was_cut_off_is_refused_in_one_line(
    tensors: Tensors, write: Callable[..., Path], size_bytes: int
) -> None:
    path = write(tensors)
    path.write_bytes(path.read_bytes()[:size_bytes])

    with pytest.raises(ModelError) as refused:
        read_weights(path)

    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)

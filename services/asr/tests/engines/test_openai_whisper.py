"""The reference's own: its weights from either kind of file, and its workers' turns."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", exc_type=ImportError)
whisper = pytest.importorskip("whisper", exc_type=ImportError)

from ctranslate2 import StorageView  # noqa: E402
from ctranslate2.models import Whisper  # noqa: E402

from speech_asr.engines import Task  # noqa: E402
from speech_asr.engines.ct2_weights import read_weights  # noqa: E402
from speech_asr.engines.openai_whisper import OpenAiWhisperEngine, is_cut  # noqa: E402
from speech_asr.segments import joined  # noqa: E402
from speech_asr.settings import AsrSettings  # noqa: E402
from speech_asr.vad import SAMPLE_RATE_HZ, Samples  # noqa: E402
from speech_core.models import ModelError  # noqa: E402

pytestmark = [
    pytest.mark.timeout(600),
    # openai-whisper leaves the file of its vocabulary to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]


@pytest.fixture(scope="module")
def checkpoint(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same weights as OpenAI publishes them."""
    read = read_weights(weights / "model.bin")
    path = tmp_path_factory.mktemp("openai") / "base.pt"
    state = {name: torch.from_numpy(values) for name, values in read.tensors.items()}
    torch.save({"dims": read.dimensions, "model_state_dict": state}, path)
    return path.parent


@pytest.fixture(scope="module")
def converted(weights: Path) -> OpenAiWhisperEngine:
    return OpenAiWhisperEngine(AsrSettings(engine="openai-whisper", model=str(weights)))


def test_a_checkpoint_and_its_converted_twin_are_the_same_model(
    converted: OpenAiWhisperEngine, checkpoint: Path
) -> None:
    own = OpenAiWhisperEngine(AsrSettings(engine="openai-whisper", model=str(checkpoint)))

    one, other = converted._model.state_dict(), own._model.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    heads = [model.alignment_heads.to_dense() for model in (converted._model, own._model)]
    assert torch.equal(*heads)
    assert converted.languages == own.languages
    own.close()


def test_ctranslate2_and_the_converted_model_hear_the_same(
    converted: OpenAiWhisperEngine, weights: Path, clip_samples: Samples
) -> None:
    features = whisper.log_mel_spectrogram(whisper.pad_or_trim(clip_samples))[None]
    ours = Whisper(str(weights), compute_type="float32", intra_threads=1)

    encoded = np.array(ours.encode(StorageView.from_array(features.numpy())))
    with torch.no_grad():
        expected = converted._model.encoder(features).numpy()

    assert np.abs(encoded - expected).max() < 0.01 * np.abs(expected).max()


def test_no_two_windows_share_a_batch(converted: OpenAiWhisperEngine, clip_samples: Samples) -> None:
    assert len({converted.prepare(clip_samples, Task()).key for _ in range(3)}) == 3


def test_workers_do_not_disturb_each_other(converted: OpenAiWhisperEngine, clip_samples: Samples) -> None:
    parts = [clip_samples[: 2 * SAMPLE_RATE_HZ], clip_samples]
    windows = [converted.prepare(part, Task("en", words=True)) for part in parts]

    with ThreadPoolExecutor(2) as workers:
        together = list(workers.map(lambda window: converted.decode([window])[0], windows))

    alone = [converted.decode([window])[0] for window in windows]
    assert [joined(told.segments) for told in together] == [joined(told.segments) for told in alone]


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds neither"):
        OpenAiWhisperEngine(AsrSettings(engine="openai-whisper", model=str(tmp_path)))


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "base.pt").write_bytes(content)

    with pytest.raises(ModelError) as refused:
        OpenAiWhisperEngine(AsrSettings(engine="openai-whisper", model=str(tmp_path)))

    assert "\n" not in str(refused.value)
    assert "base.pt" in str(refused.value)


def test_alignment_heads_that_make_no_sense_are_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").symlink_to(weights / "model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": [[99, 0]]}), encoding="utf-8")

    with pytest.raises(ModelError, match="alignment_heads"):
        OpenAiWhisperEngine(AsrSettings(engine="openai-whisper", model=str(tmp_path)))


@pytest.mark.parametrize(("sizes", "expected"), [([221], True), ([100, 124], True), ([100, 99], False), ([], False)])
def test_an_answer_as_long_as_the_bound_was_cut(sizes: list[int], expected: bool) -> None:
    parts = [{"seek": 0, "tokens": [1] * size} for size in sizes] + [{"seek": 3_000, "tokens": [1] * 100}]

    assert is_cut(parts, 221) is expected

import json
from pathlib import Path

import numpy as np
import pytest

from speech_core.audio import Pcm
from speech_core.models import ModelError
from speech_core.models.store import Store
from speech_tts.engines.piper import PiperEngine
from speech_tts.settings import TtsSettings

pytestmark = pytest.mark.timeout(180)

JOE = "en_US-joe-medium"


@pytest.fixture(scope="module")
def joe() -> Path:
    root = Path("~/.cache/kubespeech/models").expanduser()
    return Store(root).fetch(JOE)


@pytest.fixture(scope="module")
def piper(joe) -> PiperEngine:
    return PiperEngine(TtsSettings(models_dir=joe.parent))


def say(piper: PiperEngine, text: str, speed: float = 1.0, voice: str = JOE) -> Pcm:
    parts = list(piper.synthesize(text, voice=piper.voices[voice], speed=speed))
    return Pcm(b"".join(part.data for part in parts), piper.voices[voice].format)


def place(root: Path, name: str, joe: Path, **changes: object) -> None:
    """The model under another name, as a catalogue of the user's own would have placed it."""
    folder = root / name
    folder.mkdir()
    (folder / f"{name}.onnx").symlink_to(joe / f"{JOE}.onnx")
    described = json.loads((joe / f"{JOE}.onnx.json").read_text(encoding="utf-8")) | changes
    (folder / f"{name}.onnx.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / ".verified.json").write_text("{}", encoding="utf-8")


def test_the_voice_says_what_it_is(piper) -> None:
    voice = piper.voices[JOE]

    assert (voice.id, voice.language, voice.format.sample_rate_hz) == (f"piper/{JOE}", "en-US", 22_050)


def test_a_sentence_is_speech_and_not_clipped(piper) -> None:
    sound = say(piper, "Good morning.")

    assert 0.4 < sound.seconds < 3
    assert 1_000 < np.abs(np.frombuffer(sound.data, "<i2").astype(int)).max() <= 32_767


def test_speed_is_the_pace(piper) -> None:
    # The voice draws its durations at random, so the paces compared lie far apart.
    text = "This sentence is long enough to be measured."

    assert say(piper, text, 2.0).seconds < 0.6 * say(piper, text, 0.5).seconds


def test_text_without_a_word_is_silence_and_no_failure(piper) -> None:
    assert say(piper, "...").seconds >= 0


def test_every_voice_of_the_folder_is_offered_and_the_last_ones_used_are_kept(joe, tmp_path) -> None:
    for name in ("first", "second", "third"):
        place(tmp_path, name, joe)
    piper = PiperEngine(TtsSettings(models_dir=tmp_path, voice=str(joe), loaded_voices=2))

    assert list(piper.voices) == [JOE, "first", "second", "third"]
    for name in ("first", "second", "third", "first"):
        assert say(piper, "One.", voice=name).seconds > 0.2
    assert [model.parent.name for model in piper._models._slots] == ["third", "first"]


def test_each_speaker_of_a_model_is_a_voice(joe, tmp_path) -> None:
    place(tmp_path, "many", joe, num_speakers=2, speaker_id_map={"anna": 0, "boris": 1}, espeak={"voice": "ru"})
    piper = PiperEngine(TtsSettings(models_dir=tmp_path, voice=str(joe)))

    assert list(piper.voices) == [JOE, "many", "many:anna", "many:boris"]
    assert piper.voices["many:boris"].language == "ru"


@pytest.mark.parametrize("described", [None, "{", "{}"])
def test_a_folder_that_is_no_voice_is_refused_by_name(tmp_path, described) -> None:
    if described is not None:
        (tmp_path / "a.onnx").write_bytes(b"")
        (tmp_path / "a.onnx.json").write_text(described, encoding="utf-8")

    with pytest.raises(ModelError, match=r"is no Piper voice|is no description of a Piper voice"):
        PiperEngine(TtsSettings(models_dir=tmp_path, voice=str(tmp_path)))


def test_the_cores_are_divided_among_the_syntheses() -> None:
    one, most = TtsSettings(threads=1).layout, TtsSettings(threads=1000).layout

    assert (one.threads, one.workers) == (1, most.threads)
    assert most.workers == 1

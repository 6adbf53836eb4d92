from pathlib import Path

import numpy as np
import pytest

from speech_core.models.store import Store
from speech_tts.engines.piper import PiperEngine
from speech_tts.settings import TtsSettings

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def piper() -> PiperEngine:
    root = Path("~/.cache/kubespeech/models").expanduser()
    Store(root).fetch("en_US-joe-medium")
    return PiperEngine(TtsSettings(models_dir=root))


def seconds(piper: PiperEngine, text: str, speed: float = 1.0) -> float:
    return sum(pcm.seconds for pcm in piper.synthesize(text, voice="en_US-joe-medium", speed=speed))


def test_the_voice_says_what_it_is(piper) -> None:
    voice = piper.voices["en_US-joe-medium"]

    assert (voice.language, voice.format.sample_rate_hz) == ("en-us", 22_050)


def test_a_sentence_is_speech_and_not_clipped(piper) -> None:
    sound = b"".join(pcm.data for pcm in piper.synthesize("Good morning.", voice="en_US-joe-medium", speed=1.0))
    samples = np.frombuffer(sound, dtype="<i2")

    assert 0.4 < len(samples) / 22_050 < 3
    assert 1_000 < np.abs(samples).max() <= 32_767


def test_speed_is_the_pace(piper) -> None:
    # The voice draws its durations at random, so the paces compared lie far apart.
    text = "This sentence is long enough to be measured."

    assert seconds(piper, text, 2.0) < 0.6 * seconds(piper, text, 0.5)


def test_text_without_a_word_is_silence_and_no_failure(piper) -> None:
    assert seconds(piper, "...") >= 0

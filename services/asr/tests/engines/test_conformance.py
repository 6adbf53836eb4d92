"""What is asked of every engine that is installed; of those that understand speech, on human speech."""

import os
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from speech_asr.engines import Task
from speech_asr.segments import Recognized, joined
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples
from speech_core.models.store import Store
from speech_core.pipeline.plugins import UnknownPlugin, load

pytestmark = [
    pytest.mark.timeout(600),
    # openai-whisper leaves the file of its vocabulary to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

REAL = ("faster-whisper", "openai-whisper")
ALL = ("fake", *REAL)
TEXT = "produced the block books, which were the immediate predecessors of the true printed book,"

Loaded = Callable[[str], Any]


def required(name: str) -> bool:
    """Locally an engine may be missing; where CI names it, its absence is a failure."""
    return os.environ.get("CI") == "true" and name in os.environ.get("ASR_TEST_ENGINES", "").split(",")


def start(name: str) -> Any:
    try:
        kind = load("speech.asr_engines", name)
    except (ImportError, UnknownPlugin) as error:
        if required(name):
            raise
        pytest.skip(f"{name} is not installed: {error}")
    settings = AsrSettings(engine=name, workers=1)
    if name in REAL:
        Store(settings.models_dir).fetch(settings.model)
    return kind(settings)


@pytest.fixture(scope="module")
def loaded() -> Generator[Loaded]:
    """Each engine by name, started once."""
    engines: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in engines:
            engines[name] = start(name)
        return engines[name]

    yield get
    for engine in engines.values():
        engine.close()


@pytest.fixture(params=ALL)
def engine(request: pytest.FixtureRequest, loaded: Loaded) -> Any:
    return loaded(request.param)


@pytest.fixture(params=REAL)
def whisper(request: pytest.FixtureRequest, loaded: Loaded) -> Any:
    return loaded(request.param)


@pytest.fixture(scope="module")
def plain(loaded: Loaded, clip_samples: Samples) -> Callable[[Any], Recognized]:
    """What an engine hears in the clip when nothing but words is asked; each is asked once."""
    known: dict[int, Recognized] = {}

    def get(engine: Any) -> Recognized:
        if id(engine) not in known:
            known[id(engine)] = recognize(engine, clip_samples, Task(words=True))
        return known[id(engine)]

    return get


def recognize(engine: Any, samples: Samples, task: Task) -> Recognized:
    return recognize_all(engine, [engine.prepare(samples, task)])[0]


def recognize_all(engine: Any, attempts: Sequence[Any]) -> list[Recognized]:
    """As the scheduler does: what shares a key shares a batch, until all are recognized."""
    steps = list(attempts)
    while waiting := [index for index, step in enumerate(steps) if not isinstance(step, Recognized)]:
        together = [index for index in waiting if steps[index].key == steps[waiting[0]].key]
        answers = engine.decode([steps[index] for index in together])
        assert len(answers) == len(together)
        for index, answer in zip(together, answers, strict=True):
            steps[index] = answer
    return steps


def words(text: str) -> list[str]:
    return "".join(letter.lower() if letter.isalnum() else " " for letter in text).split()


def test_speech_is_understood_and_its_language_found(whisper: Any, plain: Callable[[Any], Recognized]) -> None:
    told = plain(whisper)

    assert words(joined(told.segments)) == words(TEXT)
    assert told.language == "en"
    assert {"en", "ru", "de"} <= whisper.languages


def test_a_language_is_chosen_among_those_that_it_can_be(whisper: Any, clip_samples: Samples) -> None:
    # At one temperature: an answer in a wrong language is asked for again at each of them.
    told = recognize(whisper, clip_samples, Task(among=("ru", "fr"), temperature=0.2))

    assert told.language in ("ru", "fr")


def test_words_make_up_the_text_and_lie_in_order_within_their_segment(
    engine: Any, plain: Callable[[Any], Recognized]
) -> None:
    for segment in plain(engine).segments:
        assert segment.words
        assert words(" ".join(word.text for word in segment.words)) == words(segment.text)
        clock = [at for word in segment.words for at in (word.start_seconds, word.end_seconds)]
        assert [segment.start_seconds, *clock, segment.end_seconds] == sorted(
            [segment.start_seconds, *clock, segment.end_seconds]
        )
        assert all(0 <= word.probability <= 1 for word in segment.words)


def test_no_language_is_offered_that_the_model_has_no_token_for(whisper: Any) -> None:
    assert "en" in whisper.languages
    assert "yue" not in whisper.languages  # of large-v3


@pytest.mark.parametrize("past", [1, 80, 159])
def test_audio_that_ends_within_a_frame_is_decoded_once(whisper: Any, clip_samples: Samples, past: int) -> None:
    told = recognize(whisper, clip_samples[: 3 * SAMPLE_RATE_HZ + past], Task("en"))

    assert words(joined(told.segments))[:2] == words(TEXT)[:2]
    assert len(told.segments) == 1


def test_segments_lie_in_order_within_the_audio(
    engine: Any, clip_samples: Samples, plain: Callable[[Any], Recognized]
) -> None:
    clock = [at for part in plain(engine).segments for at in (part.start_seconds, part.end_seconds)]

    assert clock == sorted(clock)
    assert clock[0] >= 0
    assert clock[-1] <= len(clip_samples) / SAMPLE_RATE_HZ + 0.5


def test_no_words_are_told_that_nobody_asked_for(engine: Any, clip_samples: Samples) -> None:
    told = recognize(engine, clip_samples[: 2 * SAMPLE_RATE_HZ], Task("en"))

    assert all(segment.words is None for segment in told.segments)


def test_how_a_segment_was_decoded_is_in_range(whisper: Any, plain: Callable[[Any], Recognized]) -> None:
    for segment in plain(whisper).segments:
        decoded = segment.decoded
        assert decoded
        assert 0 <= decoded.seek <= 3_000
        assert len(decoded.tokens) >= len(words(segment.text))
        assert all(0 <= token < 51_865 for token in decoded.tokens)
        assert decoded.temperature == 0
        assert -1 < decoded.avg_logprob < 0
        assert 0.5 < decoded.compression_ratio < 2.4
        assert 0 <= decoded.no_speech_prob < 0.6


def test_a_language_that_is_asked_for_is_not_detected(whisper: Any, clip_samples: Samples) -> None:
    assert recognize(whisper, clip_samples[: 2 * SAMPLE_RATE_HZ], Task("de")).language == "de"


@pytest.mark.parametrize(
    "task", [Task("en", translate=True), Task("en", prompt="A history of printing.")], ids=["translate", "prompt"]
)
def test_english_stays_itself_in_translation_and_after_a_prompt(
    whisper: Any, clip_samples: Samples, task: Task
) -> None:
    assert words(joined(recognize(whisper, clip_samples, task).segments)) == words(TEXT)


def test_a_temperature_is_the_only_one_that_is_tried(whisper: Any, clip_samples: Samples) -> None:
    told = recognize(whisper, clip_samples, Task("en", temperature=0.2))

    assert [segment.decoded.temperature for segment in told.segments if segment.decoded] == pytest.approx([0.2])


def test_a_batch_is_answered_in_order(engine: Any, clip_samples: Samples) -> None:
    parts = [clip_samples[: 2 * SAMPLE_RATE_HZ], clip_samples]

    short, long = recognize_all(engine, [engine.prepare(part, Task("en")) for part in parts])

    assert 0 < len(words(joined(short.segments))) < len(words(joined(long.segments)))

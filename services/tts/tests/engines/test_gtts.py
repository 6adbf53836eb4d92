import numpy as np
import pytest

from speech_core.audio import Pcm
from speech_core.errors import Overloaded, SpeechError, Unavailable
from speech_tts.engines.gtts import GttsEngine, parts_of
from speech_tts.settings import TtsSettings

RATE_HZ = 24_000


@pytest.fixture
def engine():
    engine = GttsEngine(TtsSettings(gtts_attempts=3, gtts_timeout_seconds=2))
    yield engine
    engine.close()


def say(engine, text: str, voice: str = "en", speed: float = 1.0) -> list[Pcm]:
    return list(engine.synthesize(text, voice=engine.voices[voice], speed=speed))


def pitch_hz(pcm: Pcm) -> float:
    samples = np.frombuffer(pcm.data, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def test_what_google_says_is_heard(google, engine) -> None:
    (sound,) = say(engine, "one two three four")

    assert google.asked == [("com", "en", "one two three four")]
    assert sound.format.sample_rate_hz == RATE_HZ
    assert sound.seconds == pytest.approx(1 + 2 * 0.2, abs=0.1)
    assert pitch_hz(sound) == pytest.approx(500, abs=5)


@pytest.mark.parametrize(
    ("voice", "site", "language", "tag"),
    [
        ("en-GB", "co.uk", "en", "en-GB"),
        ("ru", "com", "ru", "ru"),
        ("pt-BR", "com.br", "pt", "pt-BR"),
        ("iw", "com", "iw", "he"),
    ],
)
def test_an_accent_is_the_site_of_its_country(google, engine, voice, site, language, tag) -> None:
    say(engine, "one", voice)

    assert google.asked == [(site, language, "one")]
    assert engine.voices[voice].language == tag


def test_the_first_voice_is_english(engine) -> None:
    assert next(iter(engine.voices)) == "en"


def test_parts_are_asked_for_at_once_and_spoken_in_order(google, engine) -> None:
    text = ", ".join(word * 9 for word in ("a", "bb", "ccc", "dddd", "eeeee", "ffffff"))
    parts = parts_of(text)
    gate = google.hold(parts[0])

    spoken = engine.synthesize(text, voice=engine.voices["en"], speed=1.0)
    while len(google.asked) < len(parts):  # the first one is held, the others are there
        pass
    gate.set()
    sounds = list(spoken)

    assert len(parts) > 1
    assert [pitch_hz(sound) for sound in sounds] == [
        pytest.approx(200 + 100 * len(part.split()[0]), abs=8) for part in parts
    ]


def test_speed_changes_the_length(google, engine) -> None:
    (slow,), (fast,) = say(engine, "one two", speed=0.5), say(engine, "one two", speed=2.0)

    assert slow.seconds == pytest.approx(4 * fast.seconds, rel=0.1)


@pytest.mark.parametrize("first", ["500", "captcha", "nothing"])
def test_what_may_pass_is_tried_again(google, engine, first) -> None:
    google.script = [first]

    assert say(engine, "one")
    assert len(google.asked) == 2


@pytest.mark.parametrize(
    ("script", "kind", "code", "times"),
    [
        (["429"], Overloaded, "upstream_rate_limited", 1),
        (["403"], Unavailable, "upstream_refused", 1),
        (["404"], Unavailable, "upstream_refused", 1),
        (["503"] * 3, Unavailable, "upstream_failed", 3),
        (["captcha"] * 3, Unavailable, "upstream_refused", 3),
        (["nothing"] * 3, Unavailable, "upstream_refused", 3),
        (["noise"], Unavailable, "upstream_broken", 1),
        (["half"] * 3, Unavailable, "upstream_refused", 3),
        (["cut"] * 3, Unavailable, "upstream_unreachable", 3),
    ],
)
def test_a_refusal_says_what_it_is(google, engine, script, kind, code, times) -> None:
    google.script = list(script)

    with pytest.raises(SpeechError) as raised:
        say(engine, "one")

    assert (type(raised.value), raised.value.code, len(google.asked)) == (kind, code, times)


def test_google_out_of_reach_is_said(monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    engine = GttsEngine(TtsSettings(gtts_attempts=1))

    with pytest.raises(Unavailable) as raised:
        say(engine, "one")

    assert raised.value.code == "upstream_unreachable"


def test_google_that_does_not_answer_is_given_up(google) -> None:
    google.hold("one")
    engine = GttsEngine(TtsSettings(gtts_attempts=1, gtts_timeout_seconds=0.2))

    with pytest.raises(Unavailable) as raised:
        say(engine, "one")

    assert raised.value.code == "upstream_unreachable"


def test_text_without_a_word_is_no_sound(google, engine) -> None:
    assert say(engine, "...") == []
    assert google.asked == []


@pytest.mark.parametrize("text", ["one, " * 100, "x" * 450, "слово " * 60, "a"])
def test_no_part_is_longer_than_google_takes(text) -> None:
    parts = parts_of(text)

    assert max(map(len, parts)) <= 100
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")

from dataclasses import replace

import pytest

from speech_core.errors import InvalidRequest
from speech_tts.voices import Voices


@pytest.mark.parametrize(
    ("voice", "language"),
    [(None, None), ("gated", None), ("gated/gated", None), (None, "en"), (None, "en-US"), (None, "EN_us")],
)
def test_a_voice_is_found_by_name_by_language_or_by_default(engine, voice, language) -> None:
    assert Voices([engine], {}).choose(voice, language).name == "gated"


@pytest.mark.parametrize(("asked", "known"), [("nb-NO", "no"), ("cmn", "zh"), ("iw", "he"), ("zh-CN", "zh")])
def test_a_language_of_two_names_is_found_by_both(engine, asked, known) -> None:
    engine.voices = {"gated": replace(engine.voices["gated"], language=known)}

    assert Voices([engine], {}).choose(None, asked).language == known


@pytest.mark.parametrize(
    ("voice", "language", "code", "param"),
    [("nobody", None, "unknown_voice", "voice"), (None, "ru", "unsupported_language", "language")],
)
def test_what_is_not_there_is_named(engine, voice, language, code, param) -> None:
    with pytest.raises(InvalidRequest) as raised:
        Voices([engine], {}).choose(voice, language)

    assert (raised.value.code, raised.value.param) == (code, param)

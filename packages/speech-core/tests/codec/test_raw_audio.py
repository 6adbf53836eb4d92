import pytest

from speech_core.codec.decode import RawAudio
from speech_core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        ({"sample_rate_hz": 0}, "sr"),
        ({"sample_rate_hz": 10_000_000}, "sr"),
        ({"sample_rate_hz": 8_000, "channels": 0}, "ch"),
        ({"sample_rate_hz": 8_000, "channels": 1000}, "ch"),
        ({"sample_rate_hz": 8_000, "sample_format": "mp3"}, "fmt"),
    ],
)
def test_bare_samples_of_an_impossible_form_are_refused(raw, param) -> None:
    with pytest.raises(InvalidRequest) as refused:
        RawAudio(**raw)

    assert (refused.value.code, refused.value.param) == ("unsupported_format", param)

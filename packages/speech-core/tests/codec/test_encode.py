from pathlib import Path
from typing import NamedTuple

import av
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import RawAudio, decode
from speech_core.codec.encode import LOSSY_RATES_HZ, encoder_for
from speech_core.errors import InvalidRequest


class Kind(NamedTuple):
    """What is promised about a format."""

    name: str
    content_type: str
    rate_hz: int
    surplus_seconds: float
    """How much codecs may add that cannot say what they padded."""


KINDS = [
    Kind("pcm", "audio/pcm;rate=22050;channels=1", 22_050, 0),
    Kind("wav", "audio/wav", 22_050, 0),
    Kind("mp3", "audio/mpeg", 44_100, 0.07),
    Kind("opus", "audio/ogg;codecs=opus", 48_000, 0),
    Kind("flac", "audio/flac", 22_050, 0),
    Kind("aac", "audio/aac", 44_100, 0.07),
    Kind("mulaw", "audio/basic", 8_000, 0),
    Kind("alaw", "audio/PCMA", 8_000, 0),
]
BARE = {"pcm": "s16le", "mulaw": "mulaw", "alaw": "alaw"}


def encoded(name: str, parts: list[Pcm], *, sample_rate_hz: int | None = None) -> list[bytes]:
    encoder = encoder_for(name, parts[0].format, sample_rate_hz=sample_rate_hz)
    return [*(encoder.encode(part) for part in parts), encoder.flush()]


def file_rate_hz(path: Path) -> int:
    with av.open(str(path)) as file:
        return file.streams.audio[0].rate


def raw(name: str, rate_hz: int) -> RawAudio | None:
    return RawAudio(rate_hz, 1, BARE[name]) if name in BARE else None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("seconds", [0.05, 1.2345, 3.0])
def test_what_was_encoded_is_heard_again(sounds, saved, kind: Kind, seconds: float) -> None:
    pcm = sounds.sine(seconds)

    path = saved(b"".join(encoded(kind.name, sounds.pieces(pcm))))
    heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits, raw=raw(kind.name, kind.rate_hz)))

    assert -1e-3 <= heard.seconds - pcm.seconds <= kind.surplus_seconds + 1e-3
    if seconds > 1:
        assert sounds.pitch_hz(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["mp3", "aac"])
@pytest.mark.parametrize("source_hz", [16_000, 22_050])
@pytest.mark.parametrize("sample_rate_hz", LOSSY_RATES_HZ)
def test_what_cannot_say_its_length_is_within_70_ms_at_every_rate(
    sounds, saved, name: str, source_hz: int, sample_rate_hz: int
) -> None:
    for milliseconds in (1000, 1011, 1017, 1023):  # places within the last frame
        pcm = sounds.sine(milliseconds / 1000, rate_hz=source_hz)
        path = saved(b"".join(encoded(name, [pcm], sample_rate_hz=sample_rate_hz)))

        rate_hz = file_rate_hz(path)
        heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits))

        assert rate_hz == max(44_100, sample_rate_hz)
        assert -1e-3 <= heard.seconds - pcm.seconds <= 0.07
        assert sounds.pitch_hz(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["pcm", "wav", "flac"])
@pytest.mark.parametrize("sample_rate_hz", [8_000, 11_025, 16_000, 44_100, 47_999])
def test_what_takes_any_rate_is_as_long_as_the_sound_to_the_sample(
    sounds, saved, name: str, sample_rate_hz: int
) -> None:
    pcm = sounds.sine(1.2345)

    path = saved(b"".join(encoded(name, sounds.pieces(pcm), sample_rate_hz=sample_rate_hz)))
    wanted = AudioFormat(sample_rate_hz)
    heard = decode(path, wanted, limits=sounds.limits, raw=raw(name, sample_rate_hz))

    assert sum(part.frames for part in heard) == round(pcm.frames * sample_rate_hz / 22_050)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_content_type_and_the_format_are_exact(kind: Kind) -> None:
    encoder = encoder_for(kind.name, AudioFormat(22_050))

    assert (encoder.content_type, encoder.format) == (kind.content_type, AudioFormat(kind.rate_hz))


@pytest.mark.parametrize("name", ["pcm", "wav", "flac"])
@pytest.mark.parametrize("sample_rate_hz", [None, 24_000])
def test_the_size_of_the_pieces_does_not_matter(sounds, saved, name: str, sample_rate_hz: int | None) -> None:
    pcm = sounds.sine(0.7)
    heard: list[bytes] = []

    for parts in ([pcm], sounds.pieces(pcm)):
        path = saved(b"".join(encoded(name, parts, sample_rate_hz=sample_rate_hz)))
        bare = raw(name, sample_rate_hz or 22_050)
        heard.append(sounds.joined(decode(path, sounds.wanted, limits=sounds.limits, raw=bare)).data)

    assert heard[0] == heard[1]


@pytest.mark.parametrize("name", ["pcm", "wav", "flac"])
def test_what_loses_nothing_returns_the_same_samples(sounds, saved, name: str) -> None:
    pcm = sounds.sine(0.7)

    path = saved(b"".join(encoded(name, sounds.pieces(pcm))))
    heard = list(decode(path, pcm.format, limits=sounds.limits, raw=raw(name, 22_050)))

    assert b"".join(part.data for part in heard) == pcm.data


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "flac", "aac"])
def test_a_listener_can_start_before_the_end(sounds, saved, name: str) -> None:
    sent = encoded(name, sounds.pieces(sounds.sine(1.5)))[:-1]
    lengths: list[float] = []

    for count in range(20, len(sent), 10):
        path = saved(b"".join(sent[:count]))
        lengths.append(sounds.joined(decode(path, sounds.wanted, limits=sounds.limits)).seconds)

    assert lengths == sorted(lengths)
    assert all(seconds > count * 0.02 - 0.25 for count, seconds in zip(range(20, len(sent), 10), lengths, strict=True))


@pytest.mark.parametrize(
    ("name", "pieces"), [("pcm", 1), ("wav", 1), ("mulaw", 1), ("opus", 3), ("mp3", 8), ("aac", 6)]
)
def test_sound_goes_out_after_a_few_pieces_of_20_ms(sounds, name: str, pieces: int) -> None:
    encoder = encoder_for(name, AudioFormat(22_050))
    header = {"wav": 44}.get(name, 0)

    sent = [encoder.encode(part) for part in sounds.pieces(sounds.sine(1))[:pieces]]

    assert len(b"".join(sent)) > header
    if name == "opus":
        assert b"".join(sent).count(b"OggS") > 2


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_silence_of_no_length_ends_cleanly(name: str) -> None:
    encoder = encoder_for(name, AudioFormat(22_050))

    empty = encoder.encode(Pcm(b"", AudioFormat(22_050))) + encoder.flush()

    assert len(empty) < 10_000


@pytest.mark.parametrize("name", ["pcm", "wav", "mp3", "opus", "flac", "aac", "mulaw", "alaw"])
def test_two_channels_stay_two(sounds, name: str) -> None:
    encoder = encoder_for(name, AudioFormat(24_000, 2))

    sent = encoder.encode(sounds.sine(0.5, rate_hz=24_000, channels=2)) + encoder.flush()

    assert (encoder.format.channels, bool(sent)) == (2, True)


def test_a_wav_says_that_its_length_is_not_known(sounds) -> None:
    first = encoder_for("wav", AudioFormat(22_050)).encode(sounds.sine(0.02))

    assert first[:4] + first[8:12] + first[36:40] == b"RIFFWAVEdata"
    assert first[4:8] == first[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("name", "sample_rate_hz", "param"),
    [
        ("ogg", None, "format"),
        ("", None, "format"),
        ("mp3", 44_000, "sample_rate"),
        ("opus", 44_100, "sample_rate"),
        ("mulaw", 16_000, "sample_rate"),
        ("aac", 23_000, "sample_rate"),
        ("wav", 0, "sample_rate"),
        ("flac", -8_000, "sample_rate"),
        ("flac", 700_000, "sample_rate"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(name: str, sample_rate_hz: int | None, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        encoder_for(name, AudioFormat(22_050), sample_rate_hz=sample_rate_hz)

    assert (refused.value.code, refused.value.param) == ("unsupported_format", param)

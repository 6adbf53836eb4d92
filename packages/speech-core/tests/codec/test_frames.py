import av
import numpy as np
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import RawAudio, decode
from speech_core.codec.frames import Framer, framer_for
from speech_core.errors import InvalidRequest


def framed(framer: Framer, parts: list[Pcm]) -> list[bytes]:
    return [*(frame for part in parts for frame in framer.push(part)), *framer.flush()]


@pytest.mark.parametrize("sample_rate_hz", [None, 24_000])
def test_pcm_frames_grow_from_20_to_100_ms_and_lose_nothing(sounds, sample_rate_hz) -> None:
    pcm = sounds.sine(1.001)
    framer = framer_for("pcm", pcm.format, sample_rate_hz=sample_rate_hz)

    frames = framed(framer, sounds.pieces(pcm, seconds=0.3))

    lengths = [len(frame) / 2 / framer.sample_rate_hz for frame in frames]
    assert lengths[0] == pytest.approx(0.02, abs=1e-4)
    assert lengths[:-1] == sorted(lengths[:-1])
    assert max(lengths) == pytest.approx(0.1, abs=1e-4)
    assert all(len(frame) % 2 == 0 for frame in frames)
    assert sum(lengths) == pytest.approx(pcm.seconds, abs=1e-3)
    if sample_rate_hz is None:
        assert b"".join(frames) == pcm.data


@pytest.mark.parametrize("name", ["mulaw", "alaw"])
def test_a_telephone_hears_frames_of_160_bytes(sounds, saved, name) -> None:
    pcm = sounds.sine(0.505)
    framer = framer_for(name, pcm.format)

    frames = framed(framer, sounds.pieces(pcm, seconds=0.033))

    heard = decode(saved(b"".join(frames)), sounds.wanted, limits=sounds.limits, raw=RawAudio(8_000, 1, name))
    assert {len(frame) for frame in frames} == {160}
    assert (framer.name, framer.sample_rate_hz, len(frames)) == (name, 8_000, 26)
    assert sounds.pitch_hz(sounds.joined(heard)) == pytest.approx(440, abs=3)


def test_every_opus_frame_is_one_packet_of_20_ms(sounds) -> None:
    pcm = sounds.sine(1)
    framer = framer_for("opus", pcm.format)
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"

    frames = framed(framer, sounds.pieces(pcm))

    sizes = [sum(part.samples for part in decoder.decode(av.Packet(frame))) for frame in frames]
    assert set(sizes) == {960}
    assert 50 <= len(frames) <= 52


def test_the_first_opus_frame_comes_with_the_first_sounds(sounds) -> None:
    framer = framer_for("opus", AudioFormat(22_050))

    pushed = [framer.push(part) for part in sounds.pieces(sounds.sine(0.1))]

    assert any(pushed[:3])


@pytest.mark.parametrize("name", ["pcm", "opus", "mulaw"])
def test_two_channels_become_one(sounds, name) -> None:
    pcm = sounds.sine(0.5, rate_hz=48_000, channels=2)

    frames = framed(framer_for(name, pcm.format), sounds.pieces(pcm))

    assert frames
    if name == "pcm":
        assert np.frombuffer(b"".join(frames), "<i2").size == pytest.approx(24_000, abs=1)


@pytest.mark.parametrize("name", ["pcm", "opus", "mulaw", "alaw"])
def test_nothing_in_is_nothing_out(name) -> None:
    assert framed(framer_for(name, AudioFormat(22_050)), []) == []


@pytest.mark.parametrize(
    ("name", "sample_rate_hz", "param"),
    [
        ("mp3", None, "format"),
        ("opus", 24_000, "sample_rate"),
        ("alaw", 16_000, "sample_rate"),
        ("pcm", 0, "sample_rate"),
    ],
)
def test_what_cannot_be_framed_is_refused_by_name(name, sample_rate_hz, param) -> None:
    with pytest.raises(InvalidRequest) as refused:
        framer_for(name, AudioFormat(22_050), sample_rate_hz=sample_rate_hz)

    assert (refused.value.code, refused.value.param) == ("unsupported_format", param)

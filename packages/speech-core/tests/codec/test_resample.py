import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.resample import Resampler

RATES_HZ = [(22_050, 24_000), (22_050, 48_000), (16_000, 8_000), (44_100, 16_000), (8_000, 48_000), (96_000, 16_000)]


def through(resampler: Resampler, parts: list[Pcm]) -> Pcm:
    out = b"".join(resampler.resample(part).data for part in parts) + resampler.flush().data
    return Pcm(out, resampler.target)


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES_HZ)
@pytest.mark.parametrize("frames", [1, 7, 100, 12_345, 100_001])
def test_as_many_samples_come_out_as_the_ratio_of_the_rates_says(sounds, source_hz, target_hz, frames) -> None:
    pcm = sounds.sine(frames / source_hz, rate_hz=source_hz)

    for parts in ([pcm], sounds.pieces(pcm)):
        out = through(Resampler(pcm.format, AudioFormat(target_hz)), parts)

        assert abs(out.frames - frames * target_hz / source_hz) <= 1


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES_HZ)
def test_the_size_of_the_pieces_does_not_matter(sounds, source_hz, target_hz) -> None:
    pcm = sounds.sine(0.5, rate_hz=source_hz)

    whole = through(Resampler(pcm.format, AudioFormat(target_hz)), [pcm])
    pieces = through(Resampler(pcm.format, AudioFormat(target_hz)), sounds.pieces(pcm))

    assert pieces.data == whole.data


def test_a_sine_keeps_its_pitch_and_its_place(sounds) -> None:
    pcm = sounds.sine(1, rate_hz=44_100)

    out = through(Resampler(pcm.format, sounds.wanted), [pcm])

    assert sounds.pitch_hz(out) == pytest.approx(440, abs=2)
    assert abs(out.seconds - 1) < 1e-4


def test_the_same_format_passes_untouched(sounds) -> None:
    pcm = sounds.sine(0.1)

    assert through(Resampler(pcm.format, pcm.format), [pcm]).data == pcm.data


@pytest.mark.parametrize(("channels", "wanted"), [(1, 2), (2, 1), (6, 1), (6, 2)])
def test_channels_are_mixed(sounds, channels, wanted) -> None:
    pcm = sounds.sine(0.25, channels=channels)

    out = through(Resampler(pcm.format, AudioFormat(16_000, wanted)), [pcm])

    assert abs(out.frames - 4000) <= 1
    assert sounds.pitch_hz(out) == pytest.approx(440, abs=5)


def test_nothing_in_is_nothing_out() -> None:
    resampler = Resampler(AudioFormat(8_000), AudioFormat(16_000))

    assert resampler.resample(Pcm(b"", resampler.source)).data + resampler.flush().data == b""

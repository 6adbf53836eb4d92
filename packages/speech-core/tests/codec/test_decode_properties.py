"""What holds for every form of samples: as many come out as went in, and a channel asked for is that channel."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import RawAudio, decode
from speech_core.errors import InvalidRequest

SAMPLE_BYTES = {"s16le": 2, "s16be": 2, "s24le": 3, "s32le": 4, "f32le": 4, "u8": 1, "mulaw": 1, "alaw": 1}
# The file and the helpers are the same for every example: each writes its own content first.
thirty_examples = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The length of the resampler's filter, at the lower rate: of a sound that is shorter, less or nothing comes out.
FILTER_SAMPLES = 32
rates_hz = st.one_of(st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000, 96_000]), st.integers(1_000, 384_000))


@given(
    frames=st.integers(0, 20_000),
    rate_hz=rates_hz,
    channels=st.one_of(st.integers(1, 8), st.integers(1, 64)),
    sample_format=st.sampled_from(sorted(SAMPLE_BYTES)),
    surplus_bytes=st.integers(0, 255),
)
@thirty_examples
def test_bare_samples_give_as_many_as_the_ratio_of_the_rates_says(
    sounds, saved, frames, rate_hz, channels, sample_format, surplus_bytes
) -> None:
    frame_bytes = SAMPLE_BYTES[sample_format] * channels
    path = saved(bytes(frames * frame_bytes + surplus_bytes % frame_bytes))
    raw = RawAudio(rate_hz, channels, sample_format)
    exact = frames * sounds.wanted.sample_rate_hz / rate_hz

    surplus = heard_frames(path, sounds, raw) - exact

    assert surplus <= 1
    assert surplus >= -1 or min(frames, exact) < FILTER_SAMPLES


def heard_frames(path: Path, sounds, raw: RawAudio) -> int:
    """How many come out; none of a file that is refused for it."""
    try:
        return sum(part.frames for part in decode(path, sounds.wanted, limits=sounds.limits, raw=raw))
    except InvalidRequest:
        return 0


def tones(channels: int, *, rate_hz: int, seconds: float) -> Pcm:
    """A tone of its own on every channel: 300 Hz, 500 Hz, and so on."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    pitches = tone_hz(np.arange(channels))
    samples = 8_000 * np.sin(2 * np.pi * np.outer(times, pitches))
    return Pcm(samples.astype("<i2").tobytes(), AudioFormat(rate_hz, channels))


def tone_hz(channel):
    return 300 + 200 * channel


@given(channels=st.integers(1, 12), channel=st.integers(0, 11), rate_hz=st.integers(16_000, 96_000))
@thirty_examples
def test_a_channel_of_a_wav_is_that_channel(sounds, saved, channels, channel, rate_hz) -> None:
    path = saved(sounds.wav(tones(channels, rate_hz=rate_hz, seconds=0.25)))

    if channel >= channels:
        with pytest.raises(InvalidRequest, match=f"has {channels} channels"):
            list(decode(path, sounds.wanted, limits=sounds.limits, channel=channel))
        return

    heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits, channel=channel))
    assert sounds.pitch_hz(heard) == pytest.approx(tone_hz(channel), abs=8)
    assert heard.seconds == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize(
    ("container", "codec", "most_channels"),
    [("flac", "flac", 8), ("ipod", "aac", 5), ("ogg", "libopus", 2)],
)
def test_a_channel_of_a_codec_is_that_channel(sounds, saved, container, codec, most_channels) -> None:
    for channels in range(1, most_channels + 1):
        path = saved(sounds.muxed(tones(channels, rate_hz=48_000, seconds=0.5), container, codec))
        for channel in range(channels):
            heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits, channel=channel))
            assert sounds.pitch_hz(heard) == pytest.approx(tone_hz(channel), abs=8), (channels, channel)
            # A channel alone is as loud as it was, and no other is heard in it.
            assert np.frombuffer(heard.data, "<i2").std() == pytest.approx(8_000 / 2**0.5, rel=0.1)


FORMS = {
    "s16le": ("<i2", 8_000, 0),
    "s32le": ("<i4", 8_000 << 16, 0),
    "f32le": ("<f4", 8_000 / 32_768, 0),
    "u8": ("u1", 8_000 >> 8, 128),
}


@given(sample_format=st.sampled_from(sorted(FORMS)), channels=st.integers(2, 12), data=st.data())
@thirty_examples
def test_the_sign_of_a_channel_stays_with_it(sounds, saved, sample_format, channels, data) -> None:
    """Bare samples that are constant on every channel: up, down, up, down."""
    dtype, scale, middle = FORMS[sample_format]
    channel = data.draw(st.integers(0, channels - 1))
    signs = np.where(np.arange(channels) % 2, -1, 1)
    path = saved(np.tile((signs * scale + middle).astype(dtype), 500).tobytes())
    raw = RawAudio(16_000, channels, sample_format)

    heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits, raw=raw, channel=channel))

    assert np.frombuffer(heard.data, "<i2") == pytest.approx(signs[channel] * 8_000, rel=0.05)

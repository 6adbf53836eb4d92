import io
import struct
import wave
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import DecodeLimits, RawAudio, decode
from speech_core.errors import InvalidRequest, TooLarge

FILES = [
    ("wav", "pcm_s16le", 16_000, 0),
    ("wav", "pcm_mulaw", 8_000, 0),
    ("wav", "pcm_alaw", 8_000, 0),
    ("wav", "pcm_f32le", 48_000, 0),
    ("mp3", "libmp3lame", 44_100, 1e-3),
    ("flac", "flac", 48_000, 0),
    ("ogg", "libopus", 48_000, 0),
    ("webm", "libopus", 48_000, 0.02),
    ("ipod", "aac", 44_100, 0.05),
    ("adts", "aac", 44_100, 0.06),
    ("aiff", "pcm_s16be", 22_050, 0),
]


def refusal(path: Path, target: AudioFormat, *, limits: DecodeLimits, raw: RawAudio | None = None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        list(decode(path, target, limits=limits, raw=raw))
    return refused.value


@pytest.mark.parametrize(("container", "codec", "rate_hz", "surplus_seconds"), FILES)
def test_a_file_is_heard_whole(sounds, saved, container, codec, rate_hz, surplus_seconds) -> None:
    pcm = sounds.sine(2.345, rate_hz=rate_hz)

    parts = list(decode(saved(sounds.muxed(pcm, container, codec)), sounds.wanted, limits=sounds.limits))

    heard = sounds.joined(parts)
    assert -2e-3 <= heard.seconds - pcm.seconds <= surplus_seconds + 1e-3
    assert sounds.pitch_hz(heard) == pytest.approx(440, abs=2)
    assert all(0 < part.seconds < 1.5 and part.format == sounds.wanted for part in parts)


@pytest.mark.parametrize(
    ("sample_format", "dtype", "scale"), [("s16le", "<i2", 1), ("s16be", ">i2", 1), ("f32le", "<f4", 1 / 32768)]
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_bare_samples_are_heard(sounds, saved, sample_format, dtype, scale, channels) -> None:
    pcm = sounds.sine(0.5, rate_hz=24_000, channels=channels)
    body = (np.frombuffer(pcm.data, "<i2") * scale).astype(dtype).tobytes()

    heard = decode(saved(body), sounds.wanted, limits=sounds.limits, raw=RawAudio(24_000, channels, sample_format))

    joined = sounds.joined(heard)
    assert joined.seconds == pytest.approx(0.5, abs=1e-3)
    assert sounds.pitch_hz(joined) == pytest.approx(440, abs=3)
    assert np.abs(np.frombuffer(joined.data, "<i2")).max() > 3_000


def test_half_a_sample_at_the_end_of_bare_samples_is_left_out(sounds, saved) -> None:
    heard = sounds.joined(
        decode(saved(b"\1\2" * 800 + b"\3"), sounds.wanted, limits=sounds.limits, raw=RawAudio(16_000))
    )

    assert heard.frames == 800


@pytest.mark.parametrize("channels", [2, 3, 5, 6, 8, 9, 16, 64])
def test_any_number_of_channels_is_mixed_down(sounds, saved, channels) -> None:
    pcm = sounds.sine(0.5, rate_hz=96_000, channels=channels)

    heard = sounds.joined(decode(saved(sounds.wav(pcm)), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(0.5, abs=1e-3)
    assert sounds.pitch_hz(heard) == pytest.approx(440, abs=3)


def test_the_sound_of_a_film_is_taken(sounds, saved) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        sound = file.add_stream("aac", rate=44_100, layout="mono")
        for _ in range(10):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), "u1"), format="rgb24")))
        wave_ = np.frombuffer(sounds.sine(1, rate_hz=44_100).data, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(wave_, "s16", "mono")
        frame.sample_rate = 44_100
        file.mux([*picture.encode(None), *sound.encode(frame), *sound.encode(None)])

    heard = sounds.joined(decode(saved(out.getvalue()), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(1, abs=0.06)
    assert sounds.pitch_hz(heard) == pytest.approx(440, abs=2)


def silent_film() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        file.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), "u1"), format="rgb24")))
        file.mux(picture.encode(None))
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("speech.txt", "words " * 1000)
    return out.getvalue()


def no_seconds() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return out.getvalue()


def playlist(address: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n".encode()


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0, 0x907753DE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        b"\0" * 100_000,
        b"RIFF",
        b"words " * 5_000,
        b"<html><body>not found</body></html>",
        zipped(),
        no_seconds(),
        silent_film(),
        PNG,
        playlist("http://127.0.0.1:9/a.wav"),
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"v=0\nm=audio 9 RTP/AVP 0\n",
        *(np.random.default_rng(seed).bytes(100_000) for seed in range(12)),
    ],
    ids=lambda body: f"{len(body)}-{body[:8].hex()}",
)
def test_what_is_no_audio_is_refused_with_a_reason(sounds, saved, body) -> None:
    error = refusal(saved(body), sounds.wanted, limits=sounds.limits)

    assert (error.code, error.param, error.status) == ("bad_audio", "file", 400)
    assert len(error.message) > 15
    assert "/" not in error.message.replace("s/", "")


def test_a_playlist_opens_no_other_file(sounds, saved, tmp_path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(sounds.wav(sounds.sine(1)))

    for body in (playlist(str(other)), f"ffconcat version 1.0\nfile '{other}'\n".encode()):
        assert refusal(saved(body), sounds.wanted, limits=sounds.limits).code == "bad_audio"


@pytest.mark.parametrize(
    ("container", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("ipod", "aac"), ("webm", "libopus")]
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_file_cut_short_is_refused(sounds, saved, container, codec, share) -> None:
    body = sounds.muxed(sounds.sine(20, rate_hz=48_000), container, codec)

    error = refusal(saved(body[: int(len(body) * share)]), sounds.wanted, limits=sounds.limits)

    assert error.code == "bad_audio"


def test_a_damaged_middle_is_refused(sounds, saved) -> None:
    body = bytearray(sounds.muxed(sounds.sine(20, rate_hz=44_100), "mp3", "libmp3lame"))
    third = len(body) // 3
    body[third : 2 * third] = np.random.default_rng(0).bytes(third)

    assert refusal(saved(bytes(body)), sounds.wanted, limits=sounds.limits).code == "bad_audio"


def test_a_codec_that_nobody_knows_is_refused(sounds, saved) -> None:
    body = sounds.muxed(sounds.sine(1, rate_hz=48_000), "webm", "libopus").replace(b"A_OPUS", b"A_NONE")

    assert "codec" in refusal(saved(body), sounds.wanted, limits=sounds.limits).message


@pytest.mark.parametrize("data_bytes", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF - 36, 0x80000000])
def test_a_wav_that_was_streamed_is_heard_whole(sounds, saved, data_bytes) -> None:
    pcm = sounds.sine(2, rate_hz=16_000)

    heard = sounds.joined(decode(saved(sounds.wav(pcm, data_bytes=data_bytes)), sounds.wanted, limits=sounds.limits))

    assert heard.data == pcm.data


@pytest.mark.parametrize("data_bytes", [3_200, 32_000, 63_999, 64_001, 64_002, 640_000, 6_400_000, 1 << 30])
def test_a_wav_that_lies_is_heard_as_far_as_it_goes(sounds, saved, data_bytes) -> None:
    pcm = sounds.sine(2, rate_hz=16_000)
    path = saved(sounds.wav(pcm, data_bytes=data_bytes))

    heard = sounds.joined(decode(path, sounds.wanted, limits=sounds.limits))

    assert pcm.data.startswith(heard.data)
    assert heard.frames == min(data_bytes, len(pcm.data)) // 2


@pytest.mark.parametrize("codec", ["flac", "libopus"])
def test_a_bomb_stops_at_the_limit(sounds, saved, codec) -> None:
    path = saved(sounds.silence(0.5, codec))
    heard: list[Pcm] = []

    with pytest.raises(TooLarge) as refused:
        heard.extend(decode(path, sounds.wanted, limits=DecodeLimits(60, 1 << 30)))

    assert (refused.value.code, refused.value.param, refused.value.status) == ("audio_too_long", "file", 413)
    assert sum(part.seconds for part in heard) < 61


def test_a_limit_in_bytes_stops_wide_sound(sounds, saved) -> None:
    pcm = sounds.sine(2, rate_hz=96_000, channels=8)

    with pytest.raises(TooLarge) as refused:
        list(decode(saved(sounds.wav(pcm)), sounds.wanted, limits=DecodeLimits(60, 1_000_000)))

    assert refused.value.code == "audio_too_long"


def test_audio_of_exactly_the_limit_is_heard(sounds, saved) -> None:
    pcm = sounds.sine(2, rate_hz=44_100)

    heard = sounds.joined(decode(saved(sounds.wav(pcm)), sounds.wanted, limits=DecodeLimits(2, 1 << 30)))

    assert heard.seconds == pytest.approx(2, abs=1e-3)


def test_two_streams_on_end_with_different_rates_are_heard(sounds, saved) -> None:
    first, second = (sounds.muxed(sounds.sine(1, rate_hz=hz), "adts", "aac") for hz in (44_100, 22_050))

    heard = sounds.joined(decode(saved(first + second), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(2, abs=0.2)


def test_gaps_in_time_stamps_are_not_silence(sounds, saved) -> None:
    out, pcm = io.BytesIO(), sounds.sine(1, rate_hz=48_000)
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for at, part in enumerate(sounds.pieces(pcm, seconds=0.1)):
            frame = av.AudioFrame.from_ndarray(np.frombuffer(part.data, "<i2").reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.pts = 48_000, at * 48_000
            file.mux(stream.encode(frame))

    heard = sounds.joined(decode(saved(out.getvalue()), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(1, abs=0.01)


def test_names_in_another_code_do_not_matter(sounds, saved) -> None:
    body = sounds.muxed(sounds.sine(1, rate_hz=44_100), "mp3", "libmp3lame")
    frame = b"\3" + "Песня".encode("cp1251")
    tag = b"TIT2" + struct.pack(">IH", len(frame), 0) + frame
    size = len(tag)
    name = b"ID3\3\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + tag

    heard = sounds.joined(decode(saved(name + body), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(1, abs=0.01)


def test_a_long_recording_survives_a_few_lost_packets(sounds, saved) -> None:
    body = bytearray(sounds.muxed(sounds.sine(60, rate_hz=44_100), "mp3", "libmp3lame"))
    for at in range(1, 7):
        body[at * len(body) // 8 : at * len(body) // 8 + 200] = b"\0" * 200

    heard = sounds.joined(decode(saved(bytes(body)), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(60, abs=1)

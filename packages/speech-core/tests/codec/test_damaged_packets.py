import numpy as np
import pytest

from speech_core.codec.decode import RawAudio, decode


@pytest.mark.parametrize(("container", "codec"), [("adts", "aac"), ("mp3", "libmp3lame")])
def test_what_follows_a_damaged_packet_keeps_its_place(sounds, saved, container, codec) -> None:
    body = bytearray(sounds.muxed(sounds.sine(20, rate_hz=48_000), container, codec))
    whole = sounds.joined(decode(saved(bytes(body)), sounds.wanted, limits=sounds.limits))
    for share in (0.3, 0.5, 0.7):
        at = int(len(body) * share)
        body[at : at + 100] = bytes(100)

    heard = sounds.joined(decode(saved(bytes(body)), sounds.wanted, limits=sounds.limits))

    assert heard.seconds == pytest.approx(whole.seconds, abs=0.1)
    hundredths = np.abs(np.frombuffer(heard.data, "<i2")[:304_000].reshape(-1, 160).astype(int)).max(axis=1)
    assert 0 < np.count_nonzero(hundredths < 100) < 60


@pytest.mark.parametrize(("sample_format", "silent"), [("u8", b"\x80"), ("s16le", b"\0")])
def test_a_tail_that_is_no_whole_sample_adds_nothing(sounds, saved, sample_format, silent) -> None:
    body = silent * 32_768 + silent

    heard = sounds.joined(
        decode(saved(body), sounds.wanted, limits=sounds.limits, raw=RawAudio(8_000, 2, sample_format))
    )

    assert heard.seconds == pytest.approx(32_768 / 8_000 / 2 / (1 if sample_format == "u8" else 2), abs=1e-3)
    assert not heard.data.strip(b"\0")

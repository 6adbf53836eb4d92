import multiprocessing
import os
import signal
import struct
import subprocess
import sys

import pytest

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import DecodeLimits, RawAudio, decode
from speech_core.codec.isolation import MEMORY_BYTES, decode_isolated, warm_up
from speech_core.errors import InvalidRequest, TooLarge


def children() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture(autouse=True)
def nobody_is_left():
    yield
    assert children() == []


def test_a_child_hears_what_the_parent_would(sounds, saved) -> None:
    path = saved(sounds.muxed(sounds.sine(3.3, rate_hz=44_100), "mp3", "libmp3lame"))

    heard = list(decode_isolated(path, sounds.wanted, limits=sounds.limits))

    assert heard == list(decode(path, sounds.wanted, limits=sounds.limits))


def test_bare_samples_reach_the_child(sounds, saved) -> None:
    pcm = sounds.sine(0.5, rate_hz=16_000)

    heard = decode_isolated(saved(pcm.data), sounds.wanted, limits=sounds.limits, raw=RawAudio(16_000))

    assert sounds.joined(heard).data == pcm.data


def test_errors_cross_with_their_kind_and_words(sounds, saved) -> None:
    path = saved(b"words " * 1000)

    with pytest.raises(InvalidRequest) as here:
        list(decode(path, sounds.wanted, limits=sounds.limits))
    with pytest.raises(InvalidRequest) as there:
        list(decode_isolated(path, sounds.wanted, limits=sounds.limits))

    assert type(there.value) is InvalidRequest
    assert (there.value.message, there.value.code, there.value.param) == (here.value.message, "bad_audio", "file")


def test_a_bomb_in_the_child_is_too_long(sounds, saved) -> None:
    path = saved(sounds.silence(0.2, "flac"))

    with pytest.raises(TooLarge) as refused:
        list(decode_isolated(path, sounds.wanted, limits=DecodeLimits(30, 1 << 30)))

    assert (refused.value.code, refused.value.param) == ("audio_too_long", "file")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU])
def test_a_child_that_is_killed_is_one_bad_file(sounds, saved, number) -> None:
    parts = decode_isolated(saved(sounds.silence(0.5, "flac")), sounds.wanted, limits=sounds.limits)
    next(parts)
    (pid,) = children()

    os.kill(pid, number)

    with pytest.raises(InvalidRequest, match="crashed") as refused:
        list(parts)
    assert (refused.value.code, refused.value.param) == ("bad_audio", "file")
    assert gone(pid)


def test_a_child_without_memory_is_one_bad_file(sounds, saved) -> None:
    path = saved(sounds.wav(sounds.sine(2)))

    with pytest.raises(InvalidRequest) as refused:
        list(decode_isolated(path, sounds.wanted, limits=sounds.limits, memory_bytes=1))

    assert refused.value.code == "bad_audio"


CONFINED = """
import sys
from pathlib import Path
from speech_core.audio import AudioFormat
from speech_core.codec.decode import DecodeLimits, decode
from speech_core.codec.isolation import MEMORY_BYTES, confine_memory
from speech_core.errors import InvalidRequest

confine_memory(MEMORY_BYTES)
try:
    list(decode(Path(sys.argv[1]), AudioFormat(16_000), limits=DecodeLimits(60, 1 << 24)))
except InvalidRequest:
    print(Path("/proc/self/status").read_text())
"""


@pytest.mark.parametrize("claimed_bytes", [300 << 20, 900 << 20, 2_000 << 20])
def test_a_header_that_claims_memory_does_not_get_it(sounds, saved, claimed_bytes) -> None:
    """A name in a wav, as long as its four bytes say: ffmpeg makes room for it before it reads."""
    names = struct.pack("<4sI4s4sI", b"LIST", 0xFFFFFF00, b"INFO", b"ISFT", claimed_bytes)
    path = saved(sounds.wav(Pcm(b"", AudioFormat(16_000)))[:36] + names + b"\0" * 1_000)

    told = subprocess.run(
        [sys.executable, "-c", CONFINED, path], capture_output=True, text=True, timeout=50, check=True
    ).stdout

    (peak,) = (int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:"))
    assert peak << 10 < MEMORY_BYTES
    with pytest.raises(InvalidRequest):
        list(decode_isolated(path, sounds.wanted, limits=sounds.limits))


def test_closing_kills_and_reaps_the_child(sounds, saved) -> None:
    parts = decode_isolated(saved(sounds.silence(0.5, "flac")), sounds.wanted, limits=sounds.limits)
    next(parts)
    (pid,) = children()

    parts.close()

    assert gone(pid)


def test_the_child_waits_for_the_listener(sounds, saved) -> None:
    """What a pipe holds is a few seconds of sound: the rest is not decoded before it is asked for."""
    parts = decode_isolated(saved(sounds.silence(0.5, "flac")), sounds.wanted, limits=sounds.limits)
    next(parts)
    (pid,) = children()

    assert not gone(pid)
    assert sum(part.seconds for part in parts) > 1_700


def test_a_generator_that_was_never_started_starts_no_child(sounds, saved) -> None:
    decode_isolated(saved(b""), sounds.wanted, limits=sounds.limits).close()

    assert children() == []


def test_many_files_leave_no_descriptor_open(sounds, saved) -> None:
    path = saved(sounds.wav(sounds.sine(0.2)))
    list(decode_isolated(path, sounds.wanted, limits=sounds.limits))
    before = len(os.listdir("/dev/fd"))

    for _ in range(10):
        list(decode_isolated(path, sounds.wanted, limits=sounds.limits))

    assert len(os.listdir("/dev/fd")) == before


def test_warming_up_leaves_no_child(sounds, saved) -> None:
    warm_up()

    assert children() == []


def test_little_memory_beyond_the_start_is_enough(sounds, saved) -> None:
    """The limit counts from what is mapped at the start, which grows with the cores of the machine."""
    path = saved(sounds.muxed(sounds.sine(2, rate_hz=44_100), "mp3", "libmp3lame"))

    heard = decode_isolated(path, sounds.wanted, limits=sounds.limits, memory_bytes=64 << 20)

    assert sounds.joined(heard).seconds == pytest.approx(2, abs=0.01)

"""
The decoder against mutated files: only a `SpeechError` may leave it, within a bound of time and of audio.

`make fuzz SECONDS=60` starts from the clips of `clips.py`. What the decoder does wrong ends it with 1, and the input
is kept in `fuzz/found`; `python fuzz/decode_file.py --replay FILE` does the same again. A crash of ffmpeg itself is
told and kept too, but breaks no promise: `decode_isolated` makes one refused file of it.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    sys.exit("error: the fuzzer runs where atheris has a wheel: Linux on x86_64")
import av
from av.container import InputContainer
from clips import clips

with atheris.instrument_imports(include=["speech_core.codec"]):
    from speech_core.audio import AudioFormat
    from speech_core.codec.decode import DecodeLimits, Header, decode
    from speech_core.codec.isolation import MEMORY_BYTES, confine_memory, decode_isolated
    from speech_core.errors import SpeechError

_WANTED = AudioFormat(16_000)
_LIMITS = DecodeLimits(max_audio_seconds=5, max_decoded_bytes=8 << 20)
_SLACK_SECONDS = 0.1
_CHANNELS = (None, 0, 1, 8)
# On a busy machine; a file takes milliseconds, or a second when it claims all the memory there is.
_LONGEST_SECONDS = 20
_MOST_FILE_BYTES = 32_768
# Of the fuzzer with all that it keeps; beyond it, a file is refused as it is in the service.
_MOST_BYTES = 2 * MEMORY_BYTES
# Lengths, counts and rates that break arithmetic.
_ODD_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_HEADER_BYTES = 512
_OUTCOMES = 4_096
_FOUND = Path(__file__).parent / "found"


def check(data: bytes) -> tuple[object, ...]:
    """Decode *data*; the outcome, in words that tell one path from another."""
    channel, content = _split(data)
    seen: list[Header] = []
    seconds, reason = 0.0, None
    with tempfile.TemporaryFile(dir=_memory()) as file:
        file.write(content)
        file.flush()
        path = Path(f"/proc/self/fd/{file.fileno()}")
        try:
            for pcm in decode(path, _WANTED, limits=_LIMITS, channel=channel, on_header=seen.append):
                seconds += pcm.seconds
                assert pcm.frames, "a chunk without a sample"
                assert seconds <= _LIMITS.max_audio_seconds + _SLACK_SECONDS, "more audio than the limit"
        except SpeechError as error:
            reason = (error.code, error.message.rstrip("0123456789.() s"))
    assert len(seen) <= 1, "the header was told twice"
    assert reason or seconds, "no audio, and no error"
    return reason, int(seconds * 1000).bit_length(), [header.channels for header in seen]


def _split(data: bytes) -> tuple[int | None, bytes]:
    """The channel that the first byte picks, and the file."""
    return (_CHANNELS[data[0] % len(_CHANNELS)] if data else None), data[1:]


def _kind(container: InputContainer) -> tuple[str, ...]:
    """The demuxer, and the codecs that it found."""
    streams = container.streams.audio
    return container.format.name, *(str(stream.codec_context and stream.codec_context.name) for stream in streams)


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _lamps() -> list[Callable[[], None]]:
    """Functions that do nothing but be seen: ffmpeg has no counters of its own, so each outcome lights one."""

    def lamp() -> Callable[[], None]:
        def light() -> None:
            return

        return light

    return [atheris.instrument_func(lamp()) for _ in range(_OUTCOMES)]


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Half of the time libFuzzer's own changes, half of the time odd numbers where headers have theirs."""
    dice = random.Random(seed)
    if len(data) < 16 or dice.random() < 0.5:
        return atheris.Mutate(data, max_size)
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        width, order = dice.choice((1, 2, 4)), dice.choice(("little", "big"))
        packed = (dice.choice(_ODD_NUMBERS) & (1 << 8 * width) - 1).to_bytes(width, order)
        at = dice.randrange(min(len(changed), _HEADER_BYTES))
        changed[at : at + len(packed)] = packed
    return bytes(changed[:max_size])


def fuzz(arguments: list[str]) -> None:
    """What the child does until libFuzzer ends it."""
    lamps, kinds, opened = _lamps(), list[tuple[str, ...]](), av.open

    def noted(*args: Any, **named: Any) -> InputContainer:
        container = opened(*args, **named)
        kinds.append(_kind(container))
        return container

    def one_input(data: bytes) -> None:
        kinds.clear()
        outcome = check(data), kinds
        lamps[zlib.crc32(repr(outcome).encode()) % len(lamps)]()

    av.open = noted
    confine_memory(_MOST_BYTES)
    atheris.Setup([sys.argv[0], *arguments], one_input, custom_mutator=_mutate)
    atheris.Fuzz()


def supervise(seconds: int) -> bool:
    """Fuzz for *seconds*, going on after what is ffmpeg's; whether the decoder kept its promises."""
    _FOUND.mkdir(exist_ok=True)
    kept, deadline_seconds = True, time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as corpus:
        for name, clip in clips():
            for choice in range(2):
                (Path(corpus) / f"{name}-{choice}").write_bytes(bytes([choice]) + clip)
        while kept and (left_seconds := round(deadline_seconds - time.monotonic())) > 0:
            found = Path(tempfile.mkdtemp(dir=_FOUND))
            flags = _flags(corpus, found, left_seconds)
            ran = subprocess.run([sys.executable, __file__, "--inside", *flags], check=False)
            if ran.returncode:
                kept = _explain(sorted(found.iterdir()))
            else:
                shutil.rmtree(found)  # at most a file that was slow
    return kept


def _flags(corpus: str, found: Path, seconds: int) -> list[str]:
    return [
        corpus,
        f"-max_total_time={seconds}",
        f"-timeout={_LONGEST_SECONDS}",
        "-rss_limit_mb=0",  # `confine_memory` is the bound
        f"-max_len={_MOST_FILE_BYTES}",
        f"-artifact_prefix={found}/",
        "-reduce_inputs=0",
        "-print_final_stats=1",
        "-verbosity=0",
    ]


def _explain(found: list[Path]) -> bool:
    """Say whose fault each of *found* is; False when one is the decoder's, or nothing tells why the fuzzer ended."""
    if not found:
        print("the fuzzer ended without an input to blame", file=sys.stderr)
    contained = [_is_contained(path) for path in found]  # every one is told
    return bool(found) and all(contained)


def _is_contained(path: Path) -> bool:
    try:
        again = subprocess.run([sys.executable, __file__, "--replay", path], timeout=_LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"{path}: hangs", file=sys.stderr)
        return False
    if again.returncode > 0:
        print(f"{path}: breaks a promise of the decoder", file=sys.stderr)
        return False
    how = f"ends the process with signal {-again.returncode}" if again.returncode else "harmless alone"
    print(f"{path}: not the decoder's fault: {how}; isolated, the file is {_isolated(path)}", file=sys.stderr)
    return True


def _isolated(path: Path) -> str:
    """What the service would make of the file."""
    channel, content = _split(path.read_bytes())
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            parts = decode_isolated(Path(file.name), _WANTED, limits=_LIMITS, channel=channel)
            return f"heard: {sum(part.seconds for part in parts):.3f} s"
        except SpeechError as error:
            return f"refused: {error.message}"


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        fuzz(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--replay", type=Path, help="an input that was found")
    chosen = parser.parse_args()
    if chosen.replay:
        confine_memory(_MOST_BYTES)
        print(check(chosen.replay.read_bytes()))
    elif not supervise(chosen.seconds):
        sys.exit(1)


if __name__ == "__main__":
    main()

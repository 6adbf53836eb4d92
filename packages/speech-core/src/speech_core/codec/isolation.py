"""The decoder in a process of its own, which may crash, be killed or run out of memory: one failed request."""

import contextlib
import json
import multiprocessing
import multiprocessing.forkserver
import resource
import signal
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import DecodeLimits, Header, RawAudio, decode
from speech_core.errors import InvalidRequest, SpeechError, envelope, from_envelope

# A fork of a process that has the decoder loaded takes milliseconds, a new interpreter a fifth of a second.
_CONTEXT = multiprocessing.get_context("forkserver")
# `__main__` too: what the server has not imported, every child imports again. A service run by `python -m` has nothing
# to import; a console script has, and Python 3.11 and 3.12 do not heed this line (0.4 s a file with a web framework).
_CONTEXT.set_forkserver_preload(["__main__", "speech_core.codec.isolation"])

# The index of ten hours of mp4 takes 150 MiB. A header of a few bytes may claim gigabytes, which ffmpeg then takes.
MEMORY_BYTES = 1 << 28
# Hours of the slowest codec decode within a minute of CPU time.
_CPU_SECONDS = 300
# The longest that a decoder may take over one second of audio.
_STALL_SECONDS = 60.0

# A chunk is about a second; a child that claims more is not ours any more.
_MESSAGE_BYTES = 1 << 26

# Nothing is made of the samples of a file that is only asked for its header.
_PROBED = AudioFormat(16_000)

_HEADER, _SAMPLES, _ERROR, _END = b"h", b"s", b"e", b"."


@dataclass(frozen=True, slots=True)
class _Order:
    """What the child is told to decode."""

    path: Path
    target: AudioFormat
    limits: DecodeLimits
    raw: RawAudio | None
    channel: int | None
    memory_bytes: int


def warm_up() -> None:
    """Start the process that the children are forked from: the first file would wait 0.2 s for it."""
    multiprocessing.forkserver.ensure_running()


def decode_isolated(
    path: Path,
    target: AudioFormat,
    *,
    limits: DecodeLimits,
    raw: RawAudio | None = None,
    channel: int | None = None,
    on_header: Callable[[Header], None] | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Generator[Pcm]:
    """
    As `decode`, in a child process; a child that dies raises `InvalidRequest` (bad_audio).

    The pipe between the two is the back-pressure: the child decodes about a second ahead. Closing the generator
    kills the child. *memory_bytes* is what the child may take beyond what it starts with.
    """
    with closing(_told(_Order(path, target, limits, raw, channel, memory_bytes))) as parts:
        for part in parts:
            if isinstance(part, Pcm):
                yield part
            elif on_header:
                on_header(part)


def probe_isolated(path: Path, *, limits: DecodeLimits, raw: RawAudio | None = None) -> Header:
    """What the file's header says, read in a child process; raises as `decode_isolated`."""
    with closing(_told(_Order(path, _PROBED, limits, raw, None, MEMORY_BYTES))) as parts:
        for part in parts:
            if isinstance(part, Header):
                return part
    raise InvalidRequest("the file has no header", code="bad_audio", param="file")


def _told(order: _Order) -> Generator[Pcm | Header]:
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_serve, args=(sender, order), daemon=True)
    child.start()
    sender.close()
    try:
        yield from _received(receiver, order.target)
    finally:
        receiver.close()
        child.kill()
        child.join()
        child.close()


def _received(receiver: Connection, target: AudioFormat) -> Generator[Pcm | Header]:
    while True:
        try:
            message = receiver.recv_bytes(_MESSAGE_BYTES) if receiver.poll(_STALL_SECONDS) else b""
        except (EOFError, OSError):
            message = b""
        kind, content = message[:1], message[1:]
        if kind == _SAMPLES:
            yield Pcm(content, target)
        elif kind == _HEADER:
            yield Header(**json.loads(content))
        elif kind == _END:
            return
        elif kind == _ERROR:
            carried = json.loads(content)
            raise from_envelope(carried["status"], carried["body"])
        else:
            raise InvalidRequest("the decoder crashed on this file", code="bad_audio", param="file")


def _serve(sender: Connection, order: _Order) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which decides what to finish
    _confine(order.memory_bytes)

    def tell(header: Header) -> None:
        sender.send_bytes(_HEADER + json.dumps(asdict(header)).encode())

    with contextlib.suppress(BrokenPipeError):  # the parent has left
        try:
            for pcm in decode(
                order.path, order.target, limits=order.limits, raw=order.raw, channel=order.channel, on_header=tell
            ):
                sender.send_bytes(_SAMPLES + pcm.data)
            sender.send_bytes(_END)
        except SpeechError as error:
            sender.send_bytes(_ERROR + json.dumps({"status": error.status, "body": envelope(error)}).encode())


def _confine(memory_bytes: int) -> None:
    """Bound memory and CPU time, and forbid files of its own: no core, no writing."""
    confine_memory(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def confine_memory(memory_bytes: int) -> None:
    """Let this process take no more than *memory_bytes* beyond what it has."""
    # Libraries map address space per core of the machine, so the limit counts from what is mapped already.
    with contextlib.suppress(FileNotFoundError):  # no such file outside Linux, and no such limit that works
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        address_bytes = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (address_bytes, address_bytes))

"""
The espeak-ng library in a process of its own: it has one global state, and a voice's data may crash it.

A JSON line on stdin asks for a piece; stdout answers with frames of a length (4 bytes, big-endian) and that many bytes,
an empty one at the end of the piece. The very first frame says what there is.
"""

# espeakng_loader ships no types.
# pyright: reportMissingTypeStubs=false

import ctypes
import json
import struct
import sys
from collections.abc import Iterator
from typing import IO

import espeakng_loader

_RETRIEVAL, _DONT_EXIT = 2, 0x8000
_UTF8 = 1
_CHARACTER_POSITION = 1
_RATE = 1
_OK = 0


class _Voice(ctypes.Structure):
    """`espeak_VOICE` of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def frame(content: bytes) -> bytes:
    """A length and that many bytes."""
    return struct.pack(">I", len(content)) + content


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The content of the next frame; None when the other side has gone."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    content = stream.read(length)
    return content if len(content) == length else None


def _languages(library: ctypes.CDLL) -> Iterator[str]:
    """The language of each voice, as espeak-ng names it; the first of its list, after a byte of priority."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    voices = library.espeak_ListVoices(None)
    index = 0
    while voices[index]:
        languages: int | None = voices[index].contents.languages
        if languages:
            yield ctypes.string_at(languages + 1).decode()
        index += 1


def main() -> None:
    library, out = ctypes.CDLL(espeakng_loader.get_library_path()), sys.stdout.buffer
    rate_hz = library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), _DONT_EXIT)
    if rate_hz <= 0:
        raise SystemExit("espeak-ng cannot be initialized")

    @_Heard
    def heard(samples: int | None, count: int, _: object) -> int:
        if samples and count:
            out.write(frame(ctypes.string_at(samples, 2 * count)))
        return 0

    library.espeak_SetSynthCallback(heard)
    out.write(frame(json.dumps({"rate_hz": rate_hz, "languages": list(_languages(library))}).encode()))
    out.flush()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        text = order["text"].encode() + b"\0"
        library.espeak_SetVoiceByName(order["language"].encode())
        library.espeak_SetParameter(_RATE, order["words_per_minute"], 0)
        if library.espeak_Synth(text, len(text), 0, _CHARACTER_POSITION, 0, _UTF8, None, None) != _OK:
            raise SystemExit("espeak-ng failed")
        out.write(frame(b""))
        out.flush()


if __name__ == "__main__":
    main()

"""A megabyte of text through `append` on one socket, as fast as it is taken: the memory of the service beside it."""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service import tts
from websockets.sync.client import ClientConnection, connect

_SENTENCE = "Some words of a text; with clauses, and a stop. "
_GROWTH_BYTES = 32 * 1024 * 1024


def write(socket: ClientConnection, size_bytes: int) -> None:
    for _ in range(size_bytes // len(_SENTENCE) // 20):
        socket.send(json.dumps({"type": "append", "text": _SENTENCE * 20, "speed": 4, "format": "mulaw"}))
    socket.send(json.dumps({"type": "flush"}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=1 << 20)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    with (
        tts(engine="fake", other_engines="[]") as service,
        ThreadPoolExecutor(1) as writer,
        connect(f"ws://127.0.0.1:{service.port}/ws/tts", compression=None) as socket,
    ):
        socket.recv()
        before_bytes = most_bytes = service.resident_bytes()
        writing = writer.submit(write, socket, arguments.bytes)
        heard_bytes = 0
        while isinstance(message := socket.recv(), bytes) or json.loads(message)["type"] != "end":
            heard_bytes += len(message) if isinstance(message, bytes) else 0
            most_bytes = max(most_bytes, service.resident_bytes())
        writing.result()
    growth_bytes = most_bytes - before_bytes
    print(f"{arguments.bytes} bytes of text, {heard_bytes / 8_000:.0f} s of sound")
    print(f"memory grew by {growth_bytes / (1 << 20):.1f} MiB at most, from {before_bytes / (1 << 20):.0f} MiB")
    if arguments.json:
        found = {
            "text_bytes": arguments.bytes, "audio_seconds": heard_bytes / 8_000,
            "resident_bytes": before_bytes, "growth_bytes": growth_bytes,
        }  # fmt: skip
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if growth_bytes < _GROWTH_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())

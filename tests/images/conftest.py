"""Images, Compose, skaffold and samples: the programs that look at them, and the images where they were built."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from speech_core.testing.needed import lacking, program

ROOT = Path(__file__).parents[2]
SERVICES = ("gateway", "tts", "asr")
_LONGEST_SECONDS = 120

Run = Callable[..., str]


@pytest.fixture(scope="session")
def run() -> Run:
    """What a program says on its standard output; a test fails with all that it said when it fails."""

    def call(name: str, *arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
        ran = subprocess.run(
            [program(name), *arguments],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_SECONDS,
        )
        assert ran.returncode == 0, f"{name} {' '.join(arguments)}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    return call


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def image(service: str) -> str:
    """The image of a service, as `make images` leaves it."""
    name = f"speech-{service}:dev"
    found = shutil.which("docker") and subprocess.run(
        ["docker", "image", "inspect", name], capture_output=True, check=False, timeout=_LONGEST_SECONDS
    )
    if not found or found.returncode != 0:
        lacking(f"no image {name} in a local Docker; `make images` builds it")
    return name


@pytest.fixture
def described(image: str, run: Run) -> dict:
    """What Docker knows of the image."""
    return json.loads(run("docker", "image", "inspect", image))[0]

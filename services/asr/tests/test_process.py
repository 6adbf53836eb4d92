"""The service as a process: what it says when it cannot start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ASR_ENGINE": "nope"}, "no engine 'nope'"),
        ({"MODELS_DIR": "/nowhere"}, "whisper-base"),
        ({"ASR_BOGUS": "1"}, "unknown variable ASR_BOGUS"),
        ({"ASR_COMPUTE_TYPE": "int7"}, "int7"),
        ({"ASR_MODEL": str(Path(__file__).parent)}, "no model.bin"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_one_line(settings: dict[str, str], reason: str) -> None:
    environment = {**os.environ, "ASR_PORT": "0", "ASR_MANAGEMENT_PORT": "0", **settings}

    ran = subprocess.run(
        [sys.executable, "-m", "speech_asr"],
        env=environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: ")
    assert reason in line

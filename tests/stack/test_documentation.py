"""The examples of the documents for callers, run as they stand there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from speech_core.testing.needed import program

pytestmark = pytest.mark.timeout(240)

_FOLDER = Path(__file__).parents[2] / "docs"
_PAGES = ("clients.md", "gateway.md")
_LANGUAGES = ("sh", "python", "js")
_EXAMPLE_SECONDS = 120


def examples() -> Iterator["pytest.param"]:
    """Each block of code, by its language and the heading above it."""
    heading = ""
    text = "".join((_FOLDER / page).read_text(encoding="utf-8") for page in _PAGES)
    for part in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        if part[1]:
            heading = part[1]
        elif part[2] in _LANGUAGES:
            yield pytest.param(part[2], part[3], id=f"{heading}: {part[2]}")


def run(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_EXAMPLE_SECONDS)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout


def of_language(language: str, code: str, folder: Path) -> str:
    match language:
        case "sh":
            return run(["bash", "-euo", "pipefail", "-c", code], folder)
        case "python":
            return run([sys.executable, "-c", code], folder)
        case "js":
            run([program("npm"), "install", "--silent", "--no-fund", "--no-audit", "openai@6"], folder)
            (folder / "example.mjs").write_text(code, encoding="utf-8")
            return run(["node", "example.mjs"], folder)
    raise AssertionError(f"nobody knows how to run {language}")


@pytest.mark.parametrize(("language", "code"), list(examples()))
def test_an_example_runs(stack, tmp_path, language, code) -> None:
    address = f"127.0.0.1:{stack.gateway.port}"
    assert "localhost:8000" in code

    told = of_language(language, code.replace("localhost:8000", address), tmp_path)

    if "quick brown fox" in code:
        assert "fox" in told.lower() or "s, the first of it" in told
    if "Good morning" in code:
        assert "morning" in told.lower()

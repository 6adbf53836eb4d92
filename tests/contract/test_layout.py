"""`ls` is the architecture diagram: what must hold of every source file."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_LINES = 300
PACKAGES = [
    ROOT / "packages/speech-core/src/speech_core",
    *(ROOT / f"services/{name}/src/speech_{name}" for name in ("tts", "asr", "gateway")),
    ROOT / "client/src/kubespeech",
]


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in package.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_page_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(text)), "a file opens with one sentence saying what it is for"
    assert len(text.splitlines()) <= LONGEST_LINES


def test_every_folder_of_a_package_is_one_and_every_package_is_typed() -> None:
    folders = {path.parent for path in sources()}

    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
    assert [package for package in PACKAGES if not (package / "py.typed").is_file()] == []


def test_no_file_that_was_committed_is_missing() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)

    assert [name for name in listed.stdout.splitlines() if not (ROOT / name).exists()] == []


def test_the_types_of_every_source_are_checked() -> None:
    """A pattern that matches nothing would be a check that cannot fail."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checked = [ROOT / folder for folder in settings["tool"]["pyright"]["include"]]

    assert settings["tool"]["pyright"]["typeCheckingMode"] == "strict"
    assert [path for path in sources() if not any(path.is_relative_to(folder) for folder in checked)] == []

"""`kubespeech models`: the folder, and files that go in and out."""

import gzip
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

WEIGHTS = b"weights"
CATALOG = """
{name}:
  kind: tts
  files:
    weights.bin: {{url: "http://127.0.0.1:1/", sha256: {sha256}, size_bytes: {size}}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Knows the models `one` and `two`."""
    path = tmp_path / "catalog.yaml"
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    entries = [CATALOG.format(name=name, sha256=sha256, size=len(WEIGHTS)) for name in ("one", "two")]
    path.write_text("".join(entries), encoding="utf-8")
    return path


def models(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kubespeech", "models", *map(str, arguments)],
        env={"HOME": str(folder), "MODELS_DIR": ""},
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def archive_of(folder: Path, **weights: bytes) -> Path:
    archive = folder / "models.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in weights.items():
            (folder / "in" / name).mkdir(parents=True)
            (folder / "in" / name / "weights.bin").write_bytes(content)
            tar.add(folder / "in" / name, arcname=name)
    return archive


def placed(folder: Path) -> list[str]:
    root = folder / ".cache/kubespeech/models"
    return sorted(path.name for path in root.iterdir() if path.name != ".lock") if root.exists() else []


def test_an_empty_models_dir_is_the_default_folder(tmp_path: Path, catalog: Path) -> None:
    ran = models(tmp_path, "import", archive_of(tmp_path, one=WEIGHTS), "--catalog", catalog)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "one\n", "")
    assert placed(tmp_path) == ["one"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive\n", bytes(10_240), gzip.compress(b"x" * 5_000), gzip.compress(bytes(5_000))[:-12]],
    ids=["empty", "text", "zeros", "another gzip", "cut gzip"],
)
def test_a_file_that_is_no_archive_is_one_line_and_places_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)

    ran = models(tmp_path, "import", path)

    assert ran.returncode == 2
    assert ran.stderr.startswith(f"error: {path} ")
    assert ran.stderr.count("\n") == 1
    assert placed(tmp_path) == []


def test_an_archive_that_was_cut_off_places_nothing(tmp_path: Path, catalog: Path) -> None:
    archive = archive_of(tmp_path, one=WEIGHTS, two=WEIGHTS)
    archive.write_bytes(archive.read_bytes()[:2_300])

    ran = models(tmp_path, "import", archive, "--catalog", catalog)

    assert (ran.returncode, ran.stderr) == (2, f"error: {archive} is no archive of models, or is damaged\n")
    assert placed(tmp_path) == []


def test_one_damaged_model_keeps_the_others_of_its_archive_out(tmp_path: Path, catalog: Path) -> None:
    ran = models(tmp_path, "import", archive_of(tmp_path, one=WEIGHTS, two=b"others!"), "--catalog", catalog)

    assert ran.returncode == 1
    assert "corrupt download of weights.bin" in ran.stderr
    assert placed(tmp_path) == []

"""The recipe of the images, for every variant, also for those that are not built here."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIANTS = sorted(path.stem.removeprefix("asr-") for path in (ROOT / "requirements").glob("asr-*.lock"))


def test_hadolint_finds_nothing(run) -> None:
    assert run("hadolint", "Dockerfile") == ""


def test_there_is_a_variant_for_the_reference_engine_and_one_for_gpus() -> None:
    assert VARIANTS == ["cuda", "openai-whisper"]


@pytest.mark.parametrize(("variant", "package"), [("cuda", "nvidia-cublas-cu12=="), ("openai-whisper", "torch==")])
def test_a_variant_has_what_the_default_has_and_its_own(variant: str, package: str) -> None:
    default, locked = _packages("asr"), _packages(f"asr-{variant}")

    assert default <= locked
    assert any(line.startswith(package) for line in locked - default)


def test_every_lock_is_pinned_by_hash_and_names_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.lock"):
        text = path.read_text(encoding="utf-8")
        pinned = re.findall(r"^[\w.-]+==\S+.*\\\n +--hash=sha256:", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 0, path.name
        assert "://" not in text, path.name


def _packages(name: str) -> set[str]:
    lines = (ROOT / f"requirements/{name}.lock").read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if "==" in line and not line.startswith("#")}
